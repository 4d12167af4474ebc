"""What is open, over all gateways: live streams, and who uses which model. Entries lapse when a gateway dies."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator

from redis.exceptions import RedisError

from service import metrics
from service.errors import StoreUnavailable
from service.log.sessions import Sessions
from service.log.store import Store
from service.log.uses import Uses

log = logging.getLogger(__name__)

LAPSE_S = 30.0
TOUCHED_AT_ONCE = 50
REFRESH_S = 3.0  # shorter than any allowed resume_ttl_s


class Roster:
    """This gateway's share of the open streams and of what uses models."""

    def __init__(self, store: Store, sessions: Sessions) -> None:
        self._store = store
        self._sessions = sessions
        self._key = store.keys.open_sessions()
        self._uses = Uses(store)
        self._open: Counter[str] = Counter()  # connections: a session may be resumed before its old socket is gone
        self._streams: dict[str, str] = {}  # the model of each
        self._recordings: dict[str, str] = {}

    @property
    def open_streams(self) -> int:
        """Of this gateway."""
        return len(self._open)

    async def add(self, session: str, model: str) -> None:
        self._open[session] += 1
        self._streams[session] = model
        metrics.OPEN_SESSIONS.set(len(self._open))
        await self._store.redis.zadd(self._key, {session: await self._store.clock(self._key) + LAPSE_S})
        await self._uses.hold([(model, session)], self._sessions.ttl_s)

    async def remove(self, session: str, *, resumable: bool) -> None:
        """A connection is gone. One that may come back keeps its model until it cannot any more."""
        self._open[session] -= 1
        if self._open[session] < 1:
            del self._open[session]
            model = self._streams.pop(session)
            metrics.OPEN_SESSIONS.set(len(self._open))
            await self._store.redis.zrem(self._key, session)
            if resumable:
                await self._uses.hold([(model, session)], self._sessions.ttl_s)
            else:
                await self._uses.release(model, session)

    @contextlib.asynccontextmanager
    async def using(self, model: str, recording: str) -> AsyncIterator[None]:
        """Keeps a model loaded for the length of a block."""
        self._recordings[recording] = model
        await self._uses.hold([(model, recording)], LAPSE_S)
        try:
            yield
        finally:
            del self._recordings[recording]
            await self._uses.release(model, recording)

    async def run(self) -> None:
        """Keeps this gateway's streams alive and drops entries that have lapsed, until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                now = await self._store.clock(self._key)
                await self._store.redis.zremrangebyscore(self._key, "-inf", now)
                if self._open:
                    await self._store.redis.zadd(self._key, dict.fromkeys(self._open, now + LAPSE_S))
                    mine = tuple(self._open)
                    for at in range(0, len(mine), TOUCHED_AT_ONCE):  # streams that speak go between
                        await self._sessions.touch(mine[at : at + TOUCHED_AT_ONCE])
                    await self._uses.hold(_by_model(self._streams), self._sessions.ttl_s)
                if self._recordings:
                    await self._uses.hold(_by_model(self._recordings), LAPSE_S)
            except (RedisError, StoreUnavailable) as error:
                log.warning("cannot refresh the open streams", extra={"reason": str(error)})


def _by_model(users: dict[str, str]) -> list[tuple[str, str]]:
    return [(model, user) for user, model in users.items()]
