"""Holds tenants to their limits over all gateways, and has counted what they use."""

import asyncio
import logging
import secrets
import time
from collections import Counter
from datetime import UTC, datetime

from redis.exceptions import RedisError

from service.errors import AllowanceSpent, QuotaExceeded, SottoError
from service.log.store import Store
from service.log.tenants import Tenant
from service.log.usage import Meter, Usage
from service.transcript import SAMPLE_RATE

log = logging.getLogger(__name__)

TICK_S = 3.0
LIVE_BLOCK = 10 * SAMPLE_RATE  # audio is set aside in blocks, so that a stream asks for its allowance now and then
BULK_BLOCK = 60 * SAMPLE_RATE
STREAM_RETRY_S = 5


class Allowance:
    """The audio that one stream or recording may still take, set aside block by block."""

    def __init__(self, usage: Usage, tenant: Tenant, meter: Meter) -> None:
        self._usage = usage
        self._meter = meter
        self._minutes = tenant.limits.audio_minutes_per_month
        self._block = LIVE_BLOCK if meter.kind == "live" else BULK_BLOCK
        self._granted = 0

    async def require(self, samples: int) -> None:
        """Raises AllowanceSpent when `samples` in all are more than there are this month."""
        if not self._minutes or samples <= self._granted:
            return
        limit = self._minutes * 60 * SAMPLE_RATE
        self._granted = await self._usage.grant(self._meter, samples + self._block, limit=limit)
        if samples > self._granted:
            raise AllowanceSpent(
                f"the {self._minutes} minutes of audio of this month are used up",
                field="audio_minutes_per_month",
                retry_after_s=_rest_of_month_s(),
            )


class Metering:
    """This gateway's live streams by tenant, and the limits of everybody's."""

    def __init__(self, store: Store) -> None:
        self.usage = Usage(store)
        # connections: a session may be resumed before its old socket is gone
        self._open: dict[str, Counter[str]] = {}

    async def count_request(self, tenant: Tenant) -> None:
        """Raises QuotaExceeded when the tenant has had its requests of this minute."""
        limit = tenant.limits.requests_per_minute
        if wait_s := await self.usage.count_request(tenant.id, secrets.token_hex(8), limit=limit):
            raise QuotaExceeded(
                f"{limit} requests a minute are allowed", field="requests_per_minute", retry_after_s=wait_s
            )

    async def open_stream(self, tenant: Tenant, session: str, *, resumed: bool = False) -> None:
        """Counts a live stream. Raises QuotaExceeded when the tenant has no place left; resumed streams had theirs."""
        limit = 0 if resumed else tenant.limits.concurrent_streams
        if not await self.usage.open_stream(tenant.id, session, limit=limit):
            raise QuotaExceeded(
                f"{limit} streams are open, the most allowed",
                field="concurrent_streams",
                retry_after_s=STREAM_RETRY_S,
            )
        self._open.setdefault(tenant.id, Counter())[session] += 1

    async def close_stream(self, tenant: str, session: str) -> None:
        mine = self._open.get(tenant, Counter())
        mine[session] -= 1
        if mine[session] > 0:
            return
        del mine[session]
        if not mine:
            self._open.pop(tenant, None)
        await self.usage.close_stream(tenant, session)

    def allowance(self, tenant: Tenant, meter: Meter) -> Allowance:
        return Allowance(self.usage, tenant, meter)

    async def run(self) -> None:
        """Keeps the places of this gateway's streams, and settles what sessions have used, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            try:
                for tenant, sessions in tuple(self._open.items()):
                    await self.usage.keep_streams(tenant, tuple(sessions))
                await self.usage.sweep()
            except (RedisError, SottoError) as error:
                log.warning("cannot settle what tenants use", extra={"reason": str(error)})


def _rest_of_month_s() -> int:
    now = datetime.now(UTC)
    year, month = divmod(now.year * 12 + now.month, 12)
    return int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp() - time.time()) + 1
