"""What the dashboard shows, read from Redis: one reading serves all who look at this gateway's."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from service.gateway.context import Gateway
from service.log.bias_lists import BiasLists, NamedList
from service.log.deployment import Deployment
from service.log.figures import SLOTS, Figures, slot_of
from service.log.gateways import GatewayRegistry, GatewayStatus
from service.log.store import TURN_KINDS, TurnKind
from service.log.tenants import Tenant, Tenants
from service.log.turns import TurnQueue
from service.log.usage import Usage, Used
from service.log.workers import HostRegistry, HostStatus, WorkerStatus
from service.metrics import Figure

LOOK_EVERY_S = 1.0
TENANTS_EVERY_S = 10.0
MOST_TENANTS = 200
SETTLED_SLOTS = 3  # clocks of machines differ a little: slots older than these are not added to any more


@dataclass(frozen=True, slots=True)
class Waiting:
    """The queue of one model and kind: turns waiting or being decoded, and the age of the oldest in milliseconds."""

    model: str
    kind: TurnKind
    length: int
    oldest_ms: int


@dataclass(frozen=True, slots=True)
class TenantSeen:
    """A tenant with its lists, what it has used today (UTC) and its open streams."""

    tenant: Tenant
    lists: tuple[NamedList, ...] = ()
    today: Used = field(default_factory=Used)
    streams: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that is shown, as it was `at` (Unix time in seconds). `model`: the gateway's own; `figures` by slot,
    the last hour, of which the last slot has only begun."""

    at: float = 0.0
    model: str = ""
    max_sessions: int = 0
    open_sessions: int = 0
    figures: dict[int, dict[Figure, float]] = field(default_factory=dict)
    workers: tuple[WorkerStatus, ...] = ()
    hosts: tuple[HostStatus, ...] = ()
    gateways: tuple[GatewayStatus, ...] = ()
    deployment: Deployment = field(default_factory=Deployment)
    waiting: tuple[Waiting, ...] = ()
    tenants: tuple[TenantSeen, ...] = ()

    @property
    def complete(self) -> dict[int, dict[Figure, float]]:
        """The slots that are over."""
        return dict(list(self.figures.items())[:-1])


class Reader:
    """Reads nothing while nobody looks."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._store = gateway.store
        self._figures: dict[int, dict[Figure, float]] = {}
        self._tenants: tuple[TenantSeen, ...] = ()
        self._tenants_at = -TENANTS_EVERY_S
        self._seen = Seen()
        self._looked_at = -LOOK_EVERY_S
        self._lock = asyncio.Lock()

    async def look(self) -> Seen:
        """At most `LOOK_EVERY_S` old. Raises RedisError."""
        async with self._lock:
            if time.monotonic() - self._looked_at >= LOOK_EVERY_S:
                self._seen = await self._look()
                self._looked_at = time.monotonic()
        return self._seen

    async def _look(self) -> Seen:
        now = await self._store.clock(self._store.keys.hosts())
        await self._read_figures(slot_of(now))
        if time.monotonic() - self._tenants_at >= TENANTS_EVERY_S:
            self._tenants = await self._read_tenants()
            self._tenants_at = time.monotonic()
        load = await self._gateway.admission.load()
        settings = self._gateway.settings
        return Seen(
            at=now,
            model=settings.model,
            max_sessions=settings.max_sessions,
            open_sessions=load.open_sessions,
            figures=dict(self._figures),
            workers=load.workers,
            hosts=tuple(await HostRegistry(self._store).alive()),
            gateways=tuple(await GatewayRegistry(self._store).alive()),
            deployment=load.deployment,
            waiting=await self._waiting(sorted({settings.model, *load.deployment.models, *load.languages})),
            tenants=self._tenants,
        )

    async def _read_figures(self, last: int) -> None:
        """Brings the hour up to date: slots not read yet, and those that may still change."""
        hour = range(last - SLOTS + 1, last + 1)
        wanted = [slot for slot in hour if slot not in self._figures or slot > last - SETTLED_SLOTS]
        known = {slot: self._figures[slot] for slot in hour if slot in self._figures}
        fresh = await Figures(self._store).read(wanted)
        self._figures = dict(sorted((known | fresh).items()))

    async def _waiting(self, models: list[str]) -> tuple[Waiting, ...]:
        found = []
        for model in models:
            queue = TurnQueue(self._store, model)
            lengths = await queue.lengths()
            found += [Waiting(model, kind, lengths[kind], await queue.oldest_ms(kind)) for kind in TURN_KINDS]
        return tuple(found)

    async def _read_tenants(self) -> tuple[TenantSeen, ...]:
        usage, today = Usage(self._store), datetime.now(UTC).date()
        seen = []
        for tenant in (await Tenants(self._store).all())[:MOST_TENANTS]:
            lists = await BiasLists(self._store, tenant.id).names()
            used = await usage.between(tenant.id, today, today, "day")
            of_today = sum(used.values(), Used())
            seen.append(TenantSeen(tenant, tuple(lists), of_today, await usage.open_streams(tenant.id)))
        return tuple(seen)
