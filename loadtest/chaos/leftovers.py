"""What a run leaves in Redis: nothing but what is meant to stay."""

import re

from redis.asyncio import Redis

from service.log.turns import GROUP

SESSION = re.compile(rb":\{[sr][a-z]*_[0-9a-f]+\}:")


async def of_sessions(redis: "Redis", prefix: str) -> list[str]:
    """Keys of sessions and recordings that would never expire."""
    found = []
    async for key in redis.scan_iter(match=f"{prefix}:*", count=1000):
        if SESSION.search(key) and await redis.ttl(key) == -1:
            found.append(key.decode())
    return sorted(found)


async def alive_sessions(redis: "Redis", prefix: str) -> int:
    """How many live sessions have not expired yet; a recording whose gateway died takes longer."""
    return sum([1 async for _ in redis.scan_iter(match=f"{prefix}:{{s_*:state", count=1000)])


async def in_queues(redis: "Redis", prefix: str) -> list[str]:
    """Queues with entries that nobody works on any more, and consumers that are gone."""
    found = []
    async for key in redis.scan_iter(match=f"{prefix}:*", count=1000, _type="stream"):
        name = key.decode()
        if "{turns:" not in name and "{jobs}" not in name:
            continue
        waiting = await redis.xlen(key)
        if name.endswith(":dead"):
            found += [f"{name}: {waiting} dead-lettered"] if waiting else []
            continue
        pending = sum(group["pending"] for group in await redis.xinfo_groups(key))
        found += [f"{name}: {waiting} waiting, {pending} pending"] if waiting or pending else []
    return found


async def consumers(redis: "Redis", prefix: str) -> int:
    """Names in the groups of workers, those of processes that died included."""
    total = 0
    async for key in redis.scan_iter(match=f"{prefix}:{{turns:*", count=1000, _type="stream"):
        if not key.endswith(b":dead"):
            total += len(await redis.xinfo_consumers(key, GROUP))
    return total
