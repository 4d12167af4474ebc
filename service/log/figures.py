"""What all processes count, of the last hour: a hash per ten seconds that each of them adds to.

Counters and buckets of histograms add up whoever adds, so nobody collects them, and a process that dies takes nothing
away. One whose reply is lost while Redis restarts may be added twice: these are figures to look at; what tenants are
billed by is exact, and lies in `usage`.
"""

import asyncio
import json
import logging
import time
from collections.abc import Iterable, Mapping

from redis.exceptions import RedisError

from service import metrics
from service.errors import SottoError
from service.log.store import Store
from service.metrics import Figure

log = logging.getLogger(__name__)

SLOT_S = 10
SLOTS = 360  # an hour
KEPT_S = SLOTS * SLOT_S + 60
TELL_S = 2.0


def slot_of(unix_time: float) -> int:
    return int(unix_time // SLOT_S)


class Figures:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, amounts: Mapping[Figure, float], *, at: float | None = None) -> None:
        """Adds to the counters of a time, now unless it is given."""
        key = self._store.keys.figures(slot_of(at or time.time()))
        pipe = self._store.redis.pipeline(transaction=True)
        for figure, amount in amounts.items():
            pipe.hincrbyfloat(key, _field(figure), amount)
        pipe.expire(key, KEPT_S)
        await pipe.execute()

    async def note(self, levels: Mapping[Figure, float], *, at: float | None = None) -> None:
        """Writes what is not counted but looked at, as lengths of queues; the last look of a slot stays."""
        key = self._store.keys.figures(slot_of(at or time.time()))
        pipe = self._store.redis.pipeline(transaction=True)
        pipe.hset(key, mapping={_field(figure): level for figure, level in levels.items()})
        pipe.expire(key, KEPT_S)
        await pipe.execute()

    async def read(self, slots: Iterable[int]) -> dict[int, dict[Figure, float]]:
        """The figures of each slot; none of one in which nobody wrote."""
        asked = tuple(slots)
        pipe = self._store.redis.pipeline(transaction=False)
        for slot in asked:
            pipe.hgetall(self._store.keys.figures(slot))
        stored = await pipe.execute()
        return {slot: _parsed(fields) for slot, fields in zip(asked, stored, strict=True)}


class Teller:
    """Adds what this process counts to the figures of all."""

    def __init__(self, store: Store) -> None:
        self._figures = Figures(store)
        self._told = metrics.counted()

    async def tell(self) -> None:
        """Adds what was counted since this was done last."""
        now = metrics.counted()
        grown = {figure: amount - self._told.get(figure, 0.0) for figure, amount in now.items()}
        if new := {figure: amount for figure, amount in grown.items() if amount}:
            await self._figures.add(new)
        self._told = now

    async def run(self) -> None:
        """Tells every `TELL_S` until cancelled, and then the rest."""
        try:
            while True:
                await asyncio.sleep(TELL_S)
                await self._try()
        finally:
            await self._try()

    async def _try(self) -> None:
        try:
            await self.tell()
        except (RedisError, SottoError) as error:
            log.warning("cannot tell what was counted", extra={"reason": str(error)})


def _field(figure: Figure) -> str:
    return json.dumps(figure, separators=(",", ":"))


def _parsed(fields: Mapping[bytes, bytes]) -> dict[Figure, float]:
    return {tuple(json.loads(field)): float(amount) for field, amount in fields.items()}
