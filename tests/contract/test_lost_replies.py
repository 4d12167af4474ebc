"""Redis did the work and its reply was lost: the client does it again, and nothing happens twice."""

import io
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.log.event_log import EventLog
from service.log.jobs import CHUNK_BYTES, Jobs
from service.log.sessions import Sessions
from service.log.store import Store
from tests.contract.test_session_log import DRAFT_EVENT, Fixture


@pytest.fixture
def forgetful(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store all of whose commands are sent twice."""

    def twice(once: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def run(*words: Any, **options: Any) -> Any:
            await once(*words, **options)
            return await once(*words, **options)

        return run

    monkeypatch.setattr(store.redis, "execute_command", twice(store.redis.execute_command))
    if pipelining := store._pipelining:
        monkeypatch.setattr(pipelining, "execute", twice(pipelining.execute))
    return store


async def test_an_event_is_told_once(forgetful: Store) -> None:
    sessions = Sessions(forgetful, resume_ttl_s=60)
    await sessions.create("s_1", owner="o", wake="w", token="t", options={})
    for number in range(2):
        await sessions.emit("s_1", "o", {"type": "pong", "id": str(number)})
    assert [event["id"] for event in await EventLog(forgetful, "s_1").after(0)] == ["0", "1"]


async def test_an_upload_has_every_piece_once(forgetful: Store) -> None:
    jobs = Jobs(forgetful, ttl_s=60)
    upload = bytes(CHUNK_BYTES) + b"rest"
    await jobs.submit("job_1", "default", io.BytesIO(upload), {})
    assert b"".join([piece async for piece in jobs.read_upload("job_1")]) == upload


async def test_a_draft_that_was_confirmed_is_still_published_by_its_worker(store: Store) -> None:
    session = await Fixture(store).create()
    await session.append(1000)
    draft = session.turn(0, 0, 1000, draft=True)
    lease = await session.begin(draft)
    await session.append(0, end=1000)
    assert await session.publisher.begin(session.turn(0, 0, 1000)) == "deferred"  # its final relies on the draft
    for _ in range(2):
        assert await session.publisher.draft(draft, lease, DRAFT_EVENT, "en", None) == "confirmed"
    assert await session.publisher.final(draft, lease, 1000, DRAFT_EVENT, "en") == "ok"


async def test_a_draft_that_is_to_be_done_again_stays_so(store: Store) -> None:
    session = await Fixture(store).create()
    await session.append(1000)
    draft, partial = session.turn(0, 0, 1000, draft=True), session.turn(0, 0, None, "partial")
    lease = await session.begin(draft)
    await session.publisher.partial(partial, await session.begin(partial), b"agreed", None)
    await session.append(0, end=1000)
    assert await session.publisher.begin(session.turn(0, 0, 1000)) == "deferred"
    for _ in range(2):
        assert await session.publisher.draft(draft, lease, DRAFT_EVENT, "en", None) == "redo"
    final = session.turn(0, 0, 1000)
    assert await session.publisher.final(final, await session.begin(final), 1000, DRAFT_EVENT, "en") == "ok"
