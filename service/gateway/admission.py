"""Whether new work may start: which model serves it, and whether there is room."""

import asyncio
import secrets
import time
from dataclasses import dataclass, field, replace

from service.errors import AtCapacity, BadRequest, NoWorkers, UnknownModel
from service.gateway import routing
from service.log.deployment import Deployment, Deployments
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
    """What admission knows: who works, what names lead to, how many streams are open, how long the oldest final of
    each model waits."""

    workers: tuple[WorkerStatus, ...] = ()
    deployment: Deployment = field(default_factory=Deployment)
    open_sessions: int = 0
    oldest_final_ms: dict[str, int] = field(default_factory=dict)

    @property
    def languages(self) -> dict[str, tuple[str, ...]]:
        """The models that somebody serves, loaded or ready to be, those included that only finish what runs."""
        return {worker.model: worker.languages for worker in self.workers}

    @property
    def offered(self) -> dict[str, tuple[str, ...]]:
        """What requests may name, with the languages it knows: models, and aliases that lead to one."""
        models = {m: known for m, known in self.languages.items() if not self.deployment.is_unwanted(m)}
        aliases = {name: alias.stable for name, alias in self.deployment.aliases.items()}
        return models | {name: models[stable] for name, stable in aliases.items() if stable in models}


class Admission:
    """Decides whether new work may start. Refuses before running streams suffer."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._registry = WorkerRegistry(store)
        self._deployments = Deployments(store)
        self._looked_at = -LOOK_EVERY_S
        self._load = Load()
        self._lock = asyncio.Lock()

    async def load(self) -> Load:
        """The load of the deployment, at most `LOOK_EVERY_S` old."""
        async with self._lock:
            if time.monotonic() - self._looked_at >= LOOK_EVERY_S:
                workers = await self._registry.alive()
                waits = {m: await TurnQueue(self._store, m).oldest_final_ms() for m in {w.model for w in workers}}
                key = self._store.keys.open_sessions()
                opened = await self._store.redis.zcount(key, await self._store.clock(key), "+inf")
                self._load = Load(tuple(workers), await self._deployments.read(), int(opened), waits)
                self._looked_at = time.monotonic()
        return self._load

    def look_again(self) -> None:
        """What was changed here counts here at once; other gateways see it within `LOOK_EVERY_S`."""
        self._looked_at = -LOOK_EVERY_S

    async def model(
        self, asked: str | None, language: str | None, *, tenant: str | None = None, key: str | None = None
    ) -> str:
        """The model that will serve a request. `asked` may be an alias; the same `key` always leads to the same of
        its models, without one they are drawn by their shares.

        Raises UnknownModel, NoWorkers, or BadRequest when the model does not know the language.
        """
        load = await self.load()
        aliases = load.deployment.aliases
        name = asked if asked and (asked in aliases or asked not in OPENAI_MODELS) else routing.DEFAULT
        if name == routing.DEFAULT and name not in aliases:
            name = self._settings.model
        model = routing.route(load.deployment, name, tenant=tenant, key=key or secrets.token_hex(16))
        if load.deployment.is_unwanted(model):
            raise UnknownModel(f"the model {model!r} was unloaded", field="model")
        if model not in load.languages:
            if model != self._settings.model and not load.deployment.is_wanted(model):
                raise UnknownModel(f"no worker serves the model {model!r}", field="model")
            raise NoWorkers(f"no worker is ready for the model {model!r}", field="model")
        await self.check_language(model, language)
        return model

    async def default(self) -> str:
        """The model of requests that name none; of several the stable one."""
        alias = (await self.load()).deployment.aliases.get(routing.DEFAULT)
        return alias.stable if alias else self._settings.model

    async def check_language(self, model: str, language: str | None) -> None:
        """Raises BadRequest when a model, which may only finish what runs, does not know the language."""
        known = await self.languages(model)
        if language and known and language not in known:
            raise BadRequest(f"{language!r} is not a language that {model} knows", field="language")

    async def languages(self, model: str) -> tuple[str, ...]:
        """Those that `model` knows; one alone where it is not multilingual, none while nobody serves it."""
        return (await self.load()).languages.get(model, ())

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
