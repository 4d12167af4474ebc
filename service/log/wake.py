"""Wakes the sessions of a gateway when their event logs have grown: one subscription per gateway process."""

import asyncio
import logging

from redis.exceptions import ConnectionError, TimeoutError

from service.log.store import Store

log = logging.getLogger(__name__)


class Waker:
    """`listen(session)` gives an asyncio.Event that is set at every wake-up of that session.

    A wake-up is only a hint: pub/sub may lose one while Redis restarts, so whoever waits looks again after a while.
    """

    def __init__(self, store: Store, gateway: str) -> None:
        self._store = store
        self.channel = store.keys.wake(gateway)
        self._bells: dict[str, set[asyncio.Event]] = {}

    def listen(self, session: str) -> asyncio.Event:
        bell = asyncio.Event()
        self._bells.setdefault(session, set()).add(bell)
        return bell

    def forget(self, session: str, bell: asyncio.Event) -> None:
        bells = self._bells.get(session, set())
        bells.discard(bell)
        if not bells:
            self._bells.pop(session, None)

    def ring(self, session: str) -> None:
        """Wakes the listeners of a session in this process."""
        for bell in self._bells.get(session, ()):
            bell.set()

    async def call(self, channel: str, session: str) -> None:
        """Wakes a session of another gateway (one that has lost it to this one)."""
        await self._store.redis.publish(channel, session)

    async def run(self) -> None:
        """Listens until cancelled."""
        while True:
            try:
                await self._store.redis.initialize()  # a cluster's client must know the nodes before it subscribes
                async with self._store.redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(self.channel)
                    async for message in pubsub.listen():
                        self.ring(message["data"].decode())
            except (ConnectionError, TimeoutError) as error:
                log.warning("lost the wake-up subscription", extra={"reason": str(error)})
                for session in list(self._bells):
                    self.ring(session)
                await asyncio.sleep(0.2)
