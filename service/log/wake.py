"""Wakes the sessions of a gateway when their event logs have grown: one subscription per gateway process."""

import asyncio
import logging

from redis.exceptions import ConnectionError, TimeoutError

from service.log.store import Store

log = logging.getLogger(__name__)


class Waker:
    """`ring(session)` is an asyncio.Event that is set at every wake-up of that session.

    A wake-up is only a hint: pub/sub may lose one while Redis restarts, so whoever waits looks again after a while.
    """

    def __init__(self, store: Store, gateway: str) -> None:
        self._store = store
        self.channel = store.keys.wake(gateway)
        self._bells: dict[str, asyncio.Event] = {}

    def ring(self, session: str) -> asyncio.Event:
        return self._bells.setdefault(session, asyncio.Event())

    def forget(self, session: str) -> None:
        self._bells.pop(session, None)

    async def call(self, channel: str, session: str) -> None:
        """Wakes a session of another gateway (one that has lost it to this one)."""
        await self._store.redis.publish(channel, session)

    async def run(self) -> None:
        """Listens until cancelled."""
        while True:
            try:
                async with self._store.redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(self.channel)
                    async for message in pubsub.listen():
                        bell = self._bells.get(message["data"].decode())
                        if bell:
                            bell.set()
            except (ConnectionError, TimeoutError) as error:
                log.warning("lost the wake-up subscription", extra={"reason": str(error)})
                for bell in self._bells.values():
                    bell.set()
                await asyncio.sleep(0.2)
