"""Commands of many tasks share a pipeline: each gets its own reply, or its own error."""

import asyncio
from typing import Any

import pytest
from redis.exceptions import ResponseError

from service.errors import NotFound
from service.log.event_log import EventLog
from service.log.sessions import Sessions
from service.log.store import Store


@pytest.fixture
def pipelines(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The pipelines that the store makes from now on."""
    made: list[Any] = []
    make = store.redis.pipeline

    def noted(*arguments: Any, **options: Any) -> Any:
        made.append(make(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(store.redis, "pipeline", noted)
    return made


async def test_what_is_asked_in_the_same_moment_goes_together(store: Store, pipelines: list[Any]) -> None:
    if not store._pipelining:
        pytest.skip("a cluster's pipelines run no scripts: its commands go one by one")
    replies = await asyncio.gather(*(store.command("ECHO", str(number)) for number in range(50)))
    assert replies == [str(number).encode() for number in range(50)]
    assert len(pipelines) == 1


async def test_an_error_is_only_for_whoever_asked(store: Store) -> None:
    key = store.keys.audit()
    await store.redis.set(key, "text")
    good, bad, also_good = await asyncio.gather(
        store.command("GET", key), store.command("LPUSH", key, "x"), store.command("GET", key), return_exceptions=True
    )
    assert (good, also_good) == (b"text", b"text")
    assert isinstance(bad, ResponseError)


async def test_scripts_that_redis_has_forgotten_are_loaded_again(store: Store) -> None:
    sessions = Sessions(store, resume_ttl_s=60)
    await sessions.create("s_1", owner="o", wake="w", token="t", options={})
    nodes = {"target_nodes": "primaries"} if hasattr(store.redis, "get_primaries") else {}
    await store.redis.execute_command("SCRIPT FLUSH", **nodes)
    await asyncio.gather(*(sessions.emit("s_1", "o", {"type": "pong", "id": str(number)}) for number in range(5)))
    assert len(await EventLog(store, "s_1").after(0)) == 5


async def test_one_that_is_cancelled_takes_nobody_along(store: Store) -> None:
    sessions = Sessions(store, resume_ttl_s=60)
    leaving = asyncio.create_task(sessions.emit("s_none", "o", {"type": "pong"}))
    staying = asyncio.create_task(sessions.emit("s_other", "o", {"type": "pong"}))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(NotFound):
        await staying
