"""What tenants use, counted in a real Redis: exact with many at once, with gateways that die, and when tried again."""

import asyncio
from datetime import UTC, datetime

import numpy as np
import pytest

from service.errors import AllowanceSpent, QuotaExceeded
from service.gateway.metering import LIVE_BLOCK, Metering
from service.log.audio_log import AudioLog, Chunk
from service.log.publishing import Lease, Publisher
from service.log.sessions import Sessions
from service.log.store import Store
from service.log.tenants import Limits, Tenant
from service.log.turns import Turn
from service.log.usage import Meter, Usage, Used
from service.transcript import SAMPLE_RATE

SECOND = np.zeros(SAMPLE_RATE, np.int16)


def acme(**limits: int) -> Tenant:
    return Tenant(id="acme", limits=Limits(**limits))


@pytest.fixture
def usage(store: Store) -> Usage:
    return Usage(store)


class Session:
    """A session that is written to as a gateway and a worker do it."""

    def __init__(self, store: Store, name: str, *, account: str | None = None) -> None:
        self.name = name
        self._store = store
        self._sessions = Sessions(store, resume_ttl_s=60)
        self._log = AudioLog(store, name)
        self._meter = Meter("acme", account or name, "bulk" if account else "live")
        self._seconds = 0

    async def begin(self) -> "Session":
        await self._sessions.create(
            self.name, owner="o", wake="w", token="t", options={}, tenant="acme", meter=self._meter
        )
        return self

    async def hear(self, seconds: int) -> None:
        for _ in range(seconds):
            before, self._seconds = self._seconds * SAMPLE_RATE, self._seconds + 1
            chunk = Chunk(self._seconds, SECOND, before, before + SAMPLE_RATE, 0, b"", 0, self._seconds)
            await self._log.append("o", chunk, ttl_s=60)

    async def tell(self, utterance: int, words: int) -> None:
        turn = Turn("final", self.name, utterance, 0, 1, 1, {})
        publisher = Publisher(self._store)
        lease = await publisher.begin(turn)
        assert isinstance(lease, Lease)
        event = {"type": "final", "text": "x", "words": [{"word": "x"}] * words}
        assert await publisher.final(turn, lease, 1, event) == "ok"
        assert await publisher.final(turn, lease, 1, event) == "stale"  # as a worker does whose turn was given away

    async def finish(self) -> None:
        await self._sessions.finish(self.name, "o", utterances=0, duration_s=0)

    async def forget(self) -> None:
        await self._sessions.delete(self.name)


async def total(usage: Usage) -> Used:
    today = datetime.now(UTC).date()
    return sum((await usage.between("acme", today, today, "day")).values(), Used())


async def test_streams_count_once_however_often_and_by_whomever_they_are_settled(store: Store, usage: Usage) -> None:
    sessions = [await Session(store, f"s_{number}").begin() for number in range(10)]
    others = [Usage(store) for _ in range(3)]  # of other gateways

    async def run(session: Session) -> None:
        await session.hear(3)
        await asyncio.gather(*(each.settle(session.name) for each in others))
        await session.tell(0, words=4)
        await session.hear(2)
        await session.forget()
        await asyncio.gather(*(each.settle(session.name) for each in others))

    await asyncio.gather(*map(run, sessions))
    assert await total(usage) == Used(streams=10, live_samples=50 * SAMPLE_RATE, finals=10, words=40)
    assert await store.redis.zcard(store.keys.metered()) == 0
    assert not await store.redis.keys("*:meter")


async def test_what_a_killed_gateway_had_written_is_counted_by_another(
    store: Store, usage: Usage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await Session(store, "s_1").begin()
    await session.hear(7)
    await store.redis.delete(store.keys.state("s_1"))  # it expired: nobody came back
    await store.redis.zadd(store.keys.metered(), {"s_1": 0})
    assert await usage.sweep() == 1
    assert await usage.sweep() == 0
    assert await total(usage) == Used(streams=1, live_samples=7 * SAMPLE_RATE)


async def test_a_job_that_is_tried_again_counts_once(store: Store, usage: Usage) -> None:
    first = await Session(store, "r_1", account="job_1").begin()
    await first.hear(4)
    second = await Session(store, "r_2", account="job_1").begin()
    await second.hear(6)
    for session in (second, first):
        await session.forget()
        await usage.settle(session.name)
    assert await total(usage) == Used(recordings=1, bulk_samples=6 * SAMPLE_RATE)
    assert await usage.spent("acme") == 6 * SAMPLE_RATE


async def test_requests_at_the_same_time_are_counted_and_refused_exactly(store: Store, usage: Usage) -> None:
    gateways, tenant = [Metering(store) for _ in range(2)], acme(requests_per_minute=10)
    done = await asyncio.gather(
        *(gateways[number % 2].count_request(tenant) for number in range(25)), return_exceptions=True
    )
    refused = [error for error in done if isinstance(error, QuotaExceeded)]
    assert len(refused) == 15
    assert {error.field for error in refused} == {"requests_per_minute"}
    assert all(1 <= error.retry_after_s <= 60 for error in refused)
    assert (await total(usage)).requests == 10


async def test_a_request_whose_reply_was_lost_counts_once(usage: Usage) -> None:
    for _ in range(2):
        assert await usage.count_request("acme", "the same", limit=1) == 0
    assert await usage.count_request("acme", "another", limit=1) > 0
    assert (await total(usage)).requests == 1


async def test_no_more_streams_than_allowed_over_all_gateways(store: Store, usage: Usage) -> None:
    gateways, tenant = [Metering(store) for _ in range(2)], acme(concurrent_streams=3)
    opened = await asyncio.gather(
        *(gateways[n % 2].open_stream(tenant, f"s_{n}") for n in range(8)), return_exceptions=True
    )
    refused = [error for error in opened if isinstance(error, QuotaExceeded)]
    assert [error.field for error in refused] == ["concurrent_streams"] * 5
    assert await usage.open_streams("acme") == 3
    lost = next(n for n, done in enumerate(opened) if done is None)
    await gateways[1].open_stream(tenant, "s_9", resumed=True)  # what was admitted once may come back
    for n in (lost, 9):
        await gateways[0].close_stream("acme", f"s_{n}")
    await gateways[0].open_stream(tenant, "s_10")


async def test_places_of_a_gateway_that_died_lapse(store: Store, usage: Usage) -> None:
    tenant = acme(concurrent_streams=1)
    await Metering(store).open_stream(tenant, "s_1")
    await store.redis.zadd(store.keys.tenant_streams("acme"), {"s_1": 1})  # long ago
    assert await usage.open_streams("acme") == 0
    await Metering(store).open_stream(tenant, "s_2")


async def test_streams_at_the_same_time_take_no_more_audio_than_there_is(store: Store, usage: Usage) -> None:
    metering, tenant = Metering(store), acme(audio_minutes_per_month=1)

    async def stream(number: int) -> int:
        allowance = metering.allowance(tenant, Meter("acme", f"s_{number}", "live"))
        heard = 0
        while True:
            try:
                await allowance.require(heard + SAMPLE_RATE)
            except AllowanceSpent:
                return heard
            heard += SAMPLE_RATE
            await asyncio.sleep(0)

    heard = await asyncio.gather(*map(stream, range(5)))
    assert 60 * SAMPLE_RATE - LIVE_BLOCK < sum(heard) <= 60 * SAMPLE_RATE
    assert await usage.spent("acme") == 60 * SAMPLE_RATE
    with pytest.raises(AllowanceSpent) as refused:
        await metering.allowance(tenant, Meter("acme", "s_6", "live")).require(1)
    assert refused.value.field == "audio_minutes_per_month"
    assert refused.value.retry_after_s > 0


async def test_what_was_set_aside_and_not_used_is_given_back(store: Store, usage: Usage) -> None:
    session = await Session(store, "s_1").begin()
    granted = await usage.grant(Meter("acme", "s_1", "live"), 10 * SAMPLE_RATE, limit=60 * SAMPLE_RATE)
    assert (granted, await usage.spent("acme")) == (10 * SAMPLE_RATE, 10 * SAMPLE_RATE)
    await session.hear(2)
    await usage.settle("s_1")
    assert await usage.spent("acme") == 10 * SAMPLE_RATE  # it is still running
    await session.forget()
    await usage.settle("s_1")
    assert await usage.spent("acme") == 2 * SAMPLE_RATE


async def test_spans_add_up(store: Store, usage: Usage) -> None:
    day = datetime(2026, 3, 31, tzinfo=UTC).date()
    await store.redis.hset(store.keys.tenant_usage("acme", "2026-03-31"), mapping={"09:requests": 2, "23:words": 5})
    await store.redis.hset(store.keys.tenant_usage("acme", "2026-04-01"), mapping={"00:requests": 1})
    last = datetime(2026, 4, 1, tzinfo=UTC).date()
    by_hour = await usage.between("acme", day, last, "hour")
    assert list(by_hour) == ["2026-03-31T09:00:00Z", "2026-03-31T23:00:00Z", "2026-04-01T00:00:00Z"]
    by_month = await usage.between("acme", day, last, "month")
    assert by_month == {"2026-03-01T00:00:00Z": Used(requests=2, words=5), "2026-04-01T00:00:00Z": Used(requests=1)}
    assert sum(by_hour.values(), Used()) == sum(by_month.values(), Used())


async def test_a_stream_that_came_back_before_its_old_socket_was_gone_keeps_its_place(
    store: Store, usage: Usage
) -> None:
    gateway, tenant = Metering(store), acme(concurrent_streams=1)
    await gateway.open_stream(tenant, "s_1")
    await gateway.open_stream(tenant, "s_1", resumed=True)
    await gateway.close_stream("acme", "s_1")
    assert await usage.open_streams("acme") == 1
    await gateway.close_stream("acme", "s_1")
    assert await usage.open_streams("acme") == 0
