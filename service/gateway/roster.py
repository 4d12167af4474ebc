"""The live streams that are open, over all gateways: a sorted set whose entries lapse when a gateway dies."""

import asyncio
import logging
import time
from collections import Counter

from redis.exceptions import RedisError

from service import metrics
from service.log.sessions import Sessions
from service.log.store import Store

log = logging.getLogger(__name__)

LAPSE_S = 30.0
REFRESH_S = 3.0  # shorter than any allowed resume_ttl_s


class Roster:
    """This gateway's share of the open streams."""

    def __init__(self, store: Store, sessions: Sessions) -> None:
        self._store = store
        self._sessions = sessions
        self._key = store.keys.open_sessions()
        self._open: Counter[str] = Counter()  # connections: a session may be resumed before its old socket is gone

    async def add(self, session: str) -> None:
        self._open[session] += 1
        metrics.OPEN_SESSIONS.set(len(self._open))
        await self._store.redis.zadd(self._key, {session: time.time() + LAPSE_S})

    async def remove(self, session: str) -> None:
        self._open[session] -= 1
        if self._open[session] < 1:
            del self._open[session]
            metrics.OPEN_SESSIONS.set(len(self._open))
            await self._store.redis.zrem(self._key, session)

    async def run(self) -> None:
        """Keeps this gateway's streams alive and drops entries that have lapsed, until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                now = time.time()
                await self._store.redis.zremrangebyscore(self._key, "-inf", now)
                if self._open:
                    await self._store.redis.zadd(self._key, dict.fromkeys(self._open, now + LAPSE_S))
                    await self._sessions.touch(self._open)
            except RedisError as error:
                log.warning("cannot refresh the open streams", extra={"reason": str(error)})
