"""A machine whose clock is off by an hour: nobody takes it for dead, and it takes nobody for dead."""

import time
from collections.abc import Callable

import pytest

from service.gateway.admission import Admission
from service.gateway.roster import Roster
from service.log.sessions import Sessions
from service.log.store import Store
from service.log.usage import Usage
from service.log.uses import Uses
from service.log.workers import WorkerRegistry, WorkerStatus
from service.settings import Settings

WORKER = WorkerStatus("w", "base", "cpu", "int8", slots=1, max_batch=4, busy=0, languages=("en",))

Shift = Callable[[int], None]


@pytest.fixture
def shift(monkeypatch: pytest.MonkeyPatch) -> Shift:
    """Puts this process's clock so many hours forward or back."""
    true = time.time

    def put(hours: int) -> None:
        monkeypatch.setattr(time, "time", lambda: true() + hours * 3600)

    return put


@pytest.mark.parametrize("hours", [-1, 1])
async def test_workers_and_streams_live_by_the_clock_of_redis(store: Store, shift: Shift, hours: int) -> None:
    sessions = Sessions(store, resume_ttl_s=60)
    roster = Roster(store, sessions)
    shift(hours)
    await WorkerRegistry(store).announce(WORKER)
    await roster.add("s_1", "base")
    await Usage(store).keep_streams("acme", ["s_1"])
    for seen_by in (0, hours, -hours):
        shift(seen_by)
        load = await Admission(store, Settings(api_keys="")).load()
        assert [worker.id for worker in load.workers] == ["w"]
        assert load.open_sessions == 1
        assert await Uses(store).count(["base"]) == {"base": 1}
        assert await Usage(store).open_streams("acme") == 1


async def test_a_caption_that_was_asked_for_by_a_clock_ahead_blocks_no_other_for_an_hour(
    store: Store, shift: Shift
) -> None:
    sessions = Sessions(store, resume_ttl_s=60)
    await sessions.create("s_1", owner="o", wake="w", token="t", options={})
    shift(1)
    assert await sessions.request_partial("s_1", "o", 0) == "ok"
    shift(0)
    asked_at = float(await store.redis.hget(store.keys.state("s_1"), "partial_at"))
    assert abs(asked_at / 1000 - await store.clock(store.keys.state("s_1"))) < 60
