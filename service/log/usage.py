"""What tenants use, and what of it is left: counters in Redis that are exact whoever is killed when.

A session counts for itself: the steps that append its audio and publish its finals also write its meter, next to its
record. `settle` carries the difference over to the tenant's counters, while the session runs and once it is over; the
sweep does it for sessions whose gateway died. A tenant's keys share a hash tag.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from service.log.store import Store
from service.transcript import SAMPLE_RATE

LAPSE_S = 30.0  # a stream's place is free again so long after its gateway died
SETTLE_EVERY_S = 10.0
SWEPT_AT_ONCE = 500
USAGE_KEPT_S = 400 * 86_400
ACCOUNT_KEPT_S = 2 * 86_400  # longer than any stream or job may take
RETRIED_WITHIN_MS = 20_000  # by Store

Kind = Literal["live", "bulk"]
Granularity = Literal["hour", "day", "month"]


@dataclass(frozen=True, slots=True)
class Meter:
    """Whom a session's use is counted for. Sessions of one `account`, as those of a job that is tried again, count
    as one: by the one that used most."""

    tenant: str
    account: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Used:
    """Counters of a span of time. Seconds of audio as samples are exact; a stream of several channels counts each."""

    requests: int = 0
    streams: int = 0
    recordings: int = 0
    live_samples: int = 0
    bulk_samples: int = 0
    finals: int = 0
    words: int = 0

    def __add__(self, other: "Used") -> "Used":
        return Used(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


class Usage:
    def __init__(self, store: Store) -> None:
        self._store = store

    # ---- limits

    async def count_request(self, tenant: str, request: str, *, limit: int) -> int:
        """Counts a request by its id. 0, or the seconds until the tenant's share of a minute allows another."""
        keys, (hour, usage) = self._store.keys, self._now(tenant)
        arguments = [request, limit, hour, USAGE_KEPT_S, RETRIED_WITHIN_MS]
        return int(await self._store.script("count_request", [keys.tenant_requests(tenant), usage], arguments))

    async def open_stream(self, tenant: str, session: str, *, limit: int) -> bool:
        """Takes a place among the tenant's live streams, unless `limit` are taken (0: no limit)."""
        arguments = [session, limit, int(LAPSE_S * 1000)]
        return bool(await self._store.script("open_stream", [self._store.keys.tenant_streams(tenant)], arguments))

    async def keep_streams(self, tenant: str, sessions: Iterable[str]) -> None:
        """Has the places of streams that are open here not lapse."""
        lapse_ms = int(LAPSE_S * 1000)
        key = self._store.keys.tenant_streams(tenant)
        until_ms = int(await self._store.clock(key) * 1000) + lapse_ms
        pipe = self._store.redis.pipeline(transaction=True)
        pipe.zadd(key, dict.fromkeys(sessions, until_ms))
        pipe.pexpire(key, lapse_ms)
        await pipe.execute()

    async def close_stream(self, tenant: str, session: str) -> None:
        await self._store.redis.zrem(self._store.keys.tenant_streams(tenant), session)

    async def open_streams(self, tenant: str) -> int:
        key = self._store.keys.tenant_streams(tenant)
        now_ms = int(await self._store.clock(key) * 1000)
        return int(await self._store.redis.zcount(key, now_ms, "+inf"))

    async def grant(self, meter: Meter, samples: int, *, limit: int) -> int:
        """Sets aside audio of this month up to `samples` in all; how many there are, fewer when no more are left."""
        keys = self._store.keys
        places = [keys.tenant_account(meter.tenant, meter.account), keys.tenant_allowance(meter.tenant)]
        return int(await self._store.script("grant", places, [samples, limit, _month(), ACCOUNT_KEPT_S]))

    async def spent(self, tenant: str) -> int:
        """Samples of this month that are used or set aside."""
        return int(await self._store.redis.hget(self._store.keys.tenant_allowance(tenant), _month()) or 0)

    # ---- counting

    async def settle(self, session: str) -> None:
        """Counts what a session has used since this was done last; one that is over is not asked again."""
        keys, redis = self._store.keys, self._store.redis
        # the record first: once it is gone or finished, the meter does not change any more
        finishing, done, total = await redis.hmget(keys.state(session), "finishing", "next", "total")
        over = done is None or (finishing is not None and done == total)
        stored = await redis.hgetall(keys.meter(session))
        if stored:
            meter = Meter(stored[b"tenant"].decode(), stored[b"account"].decode(), stored[b"kind"].decode())
            amounts = [int(stored.get(name, 0)) for name in (b"samples", b"finals", b"words")]
            hour, usage = self._now(meter.tenant)
            places = [
                keys.tenant_account(meter.tenant, meter.account),
                usage,
                keys.tenant_allowance(meter.tenant),
            ]
            rest = [hour, meter.kind, _month(), int(over), USAGE_KEPT_S, ACCOUNT_KEPT_S, *amounts]
            await self._store.script("settle", places, rest)
        if over:
            await redis.delete(keys.meter(session))
            await redis.zrem(keys.metered(), session)

    async def sweep(self) -> int:
        """Settles the sessions whose turn it is, of all gateways; how many."""
        key = self._store.keys.metered()
        now = await self._store.clock(key)
        due = await self._store.redis.zrangebyscore(key, "-inf", now, start=0, num=SWEPT_AT_ONCE)
        if due:
            await self._store.redis.zadd(key, dict.fromkeys(due, now + SETTLE_EVERY_S), xx=True)
        for session in due:
            await self.settle(session.decode())
        return len(due)

    # ---- reading

    async def between(self, tenant: str, first: date, last: date, granularity: Granularity) -> dict[str, Used]:
        """Counters by the start of each span in which something was used, such as `2026-11-21T14:00:00Z`.

        Days are UTC; both are included.
        """
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        pipe = self._store.redis.pipeline(transaction=False)
        for day in days:
            pipe.hgetall(self._store.keys.tenant_usage(tenant, day.isoformat()))
        found: dict[str, Used] = {}
        for day, stored in zip(days, await pipe.execute(), strict=True):
            for field, amount in sorted(stored.items()):
                hour, _, name = field.decode().partition(":")
                span = _span(day, hour, granularity)
                found[span] = found.get(span, Used()) + Used(**{name: int(amount)})
        return found

    def _now(self, tenant: str) -> tuple[str, str]:
        """The hour of the day, and the key of that day's counters."""
        now = datetime.now(UTC)
        return f"{now:%H}", self._store.keys.tenant_usage(tenant, now.date().isoformat())


def seconds(samples: int) -> float:
    return round(samples / SAMPLE_RATE, 3)


def _month() -> str:
    return f"{datetime.now(UTC):%Y-%m}"


def _span(day: date, hour: str, granularity: Granularity) -> str:
    start = {"hour": f"{day}T{hour}", "day": f"{day}T00", "month": f"{day:%Y-%m}-01T00"}[granularity]
    return f"{start}:00:00Z"
