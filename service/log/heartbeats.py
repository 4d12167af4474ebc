"""Records that processes write anew every second or two; of one that fell silent nothing is left after a while."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from service.log.store import Store

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ALIVE_S = 10.0


async def beat(store: Store, key: str, status: "DataclassInstance") -> None:
    """Writes a record under its `id`, with Redis's Unix time in `at`."""
    record = {**asdict(status), "at": await store.clock(key)}
    await store.redis.hset(key, record["id"], json.dumps(record))


async def alive(store: Store, key: str) -> list[dict[str, Any]]:
    """Records heard of within `ALIVE_S`; older ones are dropped."""
    records = [json.loads(record) for record in (await store.redis.hgetall(key)).values()]
    oldest = await store.clock(key) - ALIVE_S
    dead = [record["id"] for record in records if record["at"] < oldest]
    if dead:
        await store.redis.hdel(key, *dead)
    return [record for record in records if record["at"] >= oldest]
