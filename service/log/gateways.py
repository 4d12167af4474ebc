"""Heartbeats of gateways, with the latest of their sessions: what the dashboard tells of each."""

from dataclasses import dataclass
from typing import Literal

from service.log import heartbeats
from service.log.store import Store

SessionState = Literal["open", "finished", "left"]


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A live stream as its gateway sees it. `began` is Unix time in seconds, `audio_s` what was heard of it.

    `left`: its connection is gone, and it may be resumed. `text`: its last final, where the tenant has texts shown.
    """

    id: str
    tenant: str
    protocol: str
    model: str
    began: float
    audio_s: float = 0.0
    utterances: int = 0
    state: SessionState = "open"
    text: str = ""


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """What a gateway process says of itself every two seconds; `started` is Unix time in seconds."""

    id: str
    host: str
    version: str
    started: float
    streams: int
    sessions: tuple[SessionSummary, ...] = ()
    at: float = 0.0


class GatewayRegistry:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def announce(self, status: GatewayStatus) -> None:
        await heartbeats.beat(self._store, self._store.keys.gateways(), status)

    async def leave(self, gateway: str) -> None:
        await self._store.redis.hdel(self._store.keys.gateways(), gateway)

    async def alive(self) -> list[GatewayStatus]:
        """Gateways heard of within `heartbeats.ALIVE_S`; older records are dropped."""
        records = await heartbeats.alive(self._store, self._store.keys.gateways())
        summaries = [tuple(SessionSummary(**each) for each in record["sessions"]) for record in records]
        return [GatewayStatus(**record | {"sessions": s}) for record, s in zip(records, summaries, strict=True)]
