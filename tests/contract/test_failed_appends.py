"""Redis refuses an append: what it did not write is not acknowledged afterwards, however the connection ends."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import RedisError

from service.audio.stream_decoder import StreamFormat
from service.gateway.live_session import LiveSession
from service.gateway.opening import open_session
from service.gateway.stream_options import StreamOptions
from service.log.private import PrivateRedis
from service.log.store import Store
from service.log.tenants import DEFAULT, Tenant
from service.log.workers import WorkerRegistry, WorkerStatus
from tests.gateways import gateway_of

WORKER = WorkerStatus("w", "base", "cpu", "int8", slots=1, max_batch=4, busy=0, languages=("en",))
PIECE = bytes(19_200)  # 600 ms: written at once


@pytest.fixture
async def live(redis_server: PrivateRedis, store: Store) -> AsyncIterator[LiveSession]:
    await WorkerRegistry(store).announce(WORKER)
    options = StreamOptions(model="base", format=StreamFormat("pcm_s16le", 16_000, 1), language="en")
    async with gateway_of(redis_server.url, store.keys.prefix) as gateway:
        yield await open_session(gateway, Tenant(id=DEFAULT), options)


async def safe_bytes(store: Store, session: str) -> tuple[int, int]:
    """Bytes that are acknowledged, and bytes that are in the log."""
    acknowledged, samples = await store.redis.hmget(store.keys.state(session), "bytes", "samples")
    return int(acknowledged), 2 * int(samples)


async def limit_memory(store: Store, limit: int) -> None:
    """Of every server that the store speaks to, in bytes; 0: none."""
    nodes = {"target_nodes": "primaries"} if hasattr(store.redis, "get_primaries") else {}
    await store.redis.execute_command("CONFIG SET", "maxmemory", limit, **nodes)


async def test_what_a_full_redis_refused_is_not_acknowledged_when_the_connection_ends(
    live: LiveSession, store: Store
) -> None:
    await live.feed(PIECE)
    await limit_memory(store, 1)
    try:
        with pytest.raises(RedisError):
            await live.feed(PIECE)
    finally:
        await limit_memory(store, 0)
    await live.settle()
    await live.close()
    assert await safe_bytes(store, live.id) == (len(PIECE), len(PIECE))


async def test_nor_is_what_a_connection_was_writing_when_it_was_cancelled(
    live: LiveSession, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live.feed(PIECE)
    reached = asyncio.Event()

    async def for_ever(*_: object, **__: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(live._writer, "write", for_ever)
        feeding = asyncio.create_task(live.feed(PIECE))
        await reached.wait()
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    await live.settle()
    await live.close()
    assert await safe_bytes(store, live.id) == (len(PIECE), len(PIECE))


async def test_nor_is_what_was_heard_in_part_when_it_was_cancelled(live: LiveSession, store: Store) -> None:
    await live.feed(PIECE)
    feeding = asyncio.create_task(live.feed(PIECE))
    await asyncio.sleep(0)  # it waits to be heard
    feeding.cancel()
    await asyncio.gather(feeding, return_exceptions=True)
    await live.settle()
    await live.close()
    assert await safe_bytes(store, live.id) == (len(PIECE), len(PIECE))
