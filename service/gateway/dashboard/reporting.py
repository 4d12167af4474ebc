"""What this gateway tells the dashboards of all: that it is there, its sessions, and in turns what is waiting."""

import asyncio
import logging
import socket
import time
from collections import Counter

from redis.exceptions import RedisError

from service import __version__
from service.errors import SottoError
from service.gateway.context import Gateway
from service.log.figures import TELL_S, Figures
from service.log.gateways import GatewayRegistry, GatewayStatus
from service.log.turns import TurnQueue
from service.metrics import Figure

log = logging.getLogger(__name__)

SAMPLED_MS = int(TELL_S * 900)  # one gateway looks for all of them


class Reporter:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._registry = GatewayRegistry(gateway.store)
        self._figures = Figures(gateway.store)
        self._started = time.time()

    async def run(self) -> None:
        """Reports every `TELL_S` until cancelled, and then leaves."""
        try:
            while True:
                await self._report()
                await asyncio.sleep(TELL_S)
        finally:
            await self._registry.leave(self._gateway.name)

    async def _report(self) -> None:
        try:
            await self._registry.announce(
                GatewayStatus(
                    id=self._gateway.name,
                    host=socket.gethostname(),
                    version=__version__,
                    started=self._started,
                    streams=self._gateway.recent.open,
                    sessions=self._gateway.recent.latest(),
                )
            )
            await self._sample()
        except (RedisError, SottoError) as error:
            log.warning("cannot report to the dashboard", extra={"reason": str(error)})

    async def _sample(self) -> None:
        """Notes how many streams are open and turns waiting, unless another gateway has just done so."""
        store = self._gateway.store
        if not await store.redis.set(store.keys.sampler(), self._gateway.name, nx=True, px=SAMPLED_MS):
            return
        load = await self._gateway.admission.load()
        waiting: Counter[str] = Counter()
        for model in {self._gateway.settings.model, *load.languages}:
            waiting.update(await TurnQueue(store, model).lengths())
        levels: dict[Figure, float] = {("queue", kind): float(length) for kind, length in waiting.items()}
        await self._figures.note(levels | {("streams",): float(load.open_sessions)})
