"""Whether new work may start: which model serves it, and whether there is room."""

import asyncio
import time
from dataclasses import dataclass, replace

from service.errors import AtCapacity, BadRequest, NoWorkers, UnknownModel
from service.log.store import Store
from service.log.turns import TurnQueue
from service.log.workers import WorkerRegistry, WorkerStatus
from service.settings import Settings

# names that OpenAI's SDKs send when they mean "the default"
OPENAI_MODELS = frozenset(
    {
        "whisper-1",
        "gpt-transcribe",
        "gpt-4o-transcribe",
        "gpt-4o-transcribe-latest",
        "gpt-4o-mini-transcribe",
        "gpt-4o-mini-transcribe-2025-12-15",
        "gpt-4o-transcribe-diarize",
    }
)
LOOK_EVERY_S = 0.25  # admission looks at Redis at most so often


@dataclass(frozen=True, slots=True)
class Load:
    """What admission knows: who works, how many streams are open, how long the oldest final waits."""

    workers: tuple[WorkerStatus, ...]
    open_sessions: int
    oldest_final_ms: dict[str, int]


class Admission:
    """Decides whether new work may start. Refuses before running streams suffer."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._registry = WorkerRegistry(store)
        self._looked_at = -LOOK_EVERY_S
        self._load = Load((), 0, {})
        self._lock = asyncio.Lock()

    async def load(self) -> Load:
        """The load of the deployment, at most `LOOK_EVERY_S` old."""
        async with self._lock:
            if time.monotonic() - self._looked_at >= LOOK_EVERY_S:
                workers = await self._registry.alive()
                waits = {m: await TurnQueue(self._store, m).oldest_final_ms() for m in {w.model for w in workers}}
                opened = await self._store.redis.zcount(self._store.keys.open_sessions(), time.time(), "+inf")
                self._load = Load(tuple(workers), int(opened), waits)
                self._looked_at = time.monotonic()
        return self._load

    async def model(self, asked: str | None, language: str | None) -> str:
        """The model that will serve a request.

        Raises UnknownModel, NoWorkers, or BadRequest when the model does not know the language.
        """
        model = asked if asked and asked not in OPENAI_MODELS else self._settings.model
        load = await self.load()
        serving = [worker for worker in load.workers if worker.model == model]
        if not serving:
            if model != self._settings.model:
                raise UnknownModel(f"no worker serves the model {model!r}", field="model")
            raise NoWorkers(f"no worker is ready for the model {model!r}", field="model")
        if language and language not in serving[0].languages:
            raise BadRequest(f"{language!r} is not a language that {model} knows", field="language")
        return model

    async def languages(self, model: str) -> tuple[str, ...]:
        """Those that `model` knows; one alone where it is not multilingual, none while nobody serves it."""
        serving = (worker for worker in (await self.load()).workers if worker.model == model)
        return next((worker.languages for worker in serving), ())

    async def admit(self, model: str, *, live: bool) -> None:
        """Raises AtCapacity when the deployment is full or its finals are late."""
        load = await self.load()
        if live and load.open_sessions >= self._settings.max_sessions:
            raise AtCapacity(f"{load.open_sessions} streams are open, the most allowed")
        late_ms = load.oldest_final_ms.get(model, 0)
        if late_ms > self._settings.max_final_wait_ms:
            raise AtCapacity(f"finals are {late_ms} ms late; try again")
        if live:  # counted at once: many may come before the next look at Redis
            self._load = replace(load, open_sessions=load.open_sessions + 1)
