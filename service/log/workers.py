"""Heartbeats: who serves which model, on what, and how busy; and what each worker process holds in memory."""

from dataclasses import dataclass, field
from typing import Literal

from service.log import heartbeats
from service.log.store import Store

ModelState = Literal["loading", "loaded", "cold", "no_room", "failed"]


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """What a worker says every second of one model that it serves; `at` is Unix time in seconds.

    `process` may serve several. `cold`: the model is not in memory now, and is loaded when turns come.
    """

    id: str
    model: str
    device: str
    compute_type: str
    slots: int
    max_batch: int
    busy: int
    languages: tuple[str, ...]
    process: str = ""
    cold: bool = False
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class HeldModel:
    """A model as one process has it; `reason` tells why it is not loaded. `asked`: the wish that this answers."""

    state: ModelState
    asked: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HostStatus:
    """What a worker process says of itself every second: its models by id, the sizes of those in memory and how much
    is allowed (bytes, 0: no limit), and the ids that lie on its disk."""

    id: str
    device: str
    memory_bytes: int
    memory_limit: int
    models: dict[str, HeldModel] = field(default_factory=dict)
    installed: tuple[str, ...] = ()
    at: float = 0.0


class WorkerRegistry:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def announce(self, status: WorkerStatus) -> None:
        await heartbeats.beat(self._store, self._store.keys.workers(), status)

    async def leave(self, worker: str) -> None:
        await self._store.redis.hdel(self._store.keys.workers(), worker)

    async def alive(self) -> list[WorkerStatus]:
        """Workers heard of within `heartbeats.ALIVE_S`; older records are dropped."""
        return [WorkerStatus(**record) for record in await heartbeats.alive(self._store, self._store.keys.workers())]


class HostRegistry:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def announce(self, status: HostStatus) -> None:
        await heartbeats.beat(self._store, self._store.keys.hosts(), status)

    async def leave(self, host: str) -> None:
        await self._store.redis.hdel(self._store.keys.hosts(), host)

    async def alive(self) -> list[HostStatus]:
        """Worker processes heard of within `heartbeats.ALIVE_S`; older records are dropped."""
        records = await heartbeats.alive(self._store, self._store.keys.hosts())
        held = [{model: HeldModel(**each) for model, each in record["models"].items()} for record in records]
        return [HostStatus(**record | {"models": models}) for record, models in zip(records, held, strict=True)]
