"""Heartbeats of workers: who serves which model, on what, and how busy."""

import json
import time
from dataclasses import asdict, dataclass

from service.log.store import Store

ALIVE_S = 10.0


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """What a worker says of itself every second; `at` is Unix time in seconds."""

    id: str
    model: str
    device: str
    compute_type: str
    slots: int
    max_batch: int
    busy: int
    languages: tuple[str, ...]
    at: float = 0.0


class WorkerRegistry:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def announce(self, status: WorkerStatus) -> None:
        record = json.dumps({**asdict(status), "at": time.time()})
        await self._store.redis.hset(self._store.keys.workers(), status.id, record)

    async def leave(self, worker: str) -> None:
        await self._store.redis.hdel(self._store.keys.workers(), worker)

    async def alive(self) -> list[WorkerStatus]:
        """Workers heard of within `ALIVE_S`; older records are dropped."""
        records = await self._store.redis.hgetall(self._store.keys.workers())
        statuses = [WorkerStatus(**json.loads(record)) for record in records.values()]
        oldest = time.time() - ALIVE_S
        dead = [status.id for status in statuses if status.at < oldest]
        if dead:
            await self._store.redis.hdel(self._store.keys.workers(), *dead)
        return [status for status in statuses if status.at >= oldest]
