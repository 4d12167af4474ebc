"""A worker process and the models in it: loads what is wanted beside what runs, lets go what is not.

Once a second what Redis says is compared with what is in memory, so a process that was killed comes back with the
same models. One change runs at a time, beside the models that serve; loading happens on a thread.
"""

import asyncio
import gc
import logging
import time
from dataclasses import dataclass

from redis.exceptions import RedisError

from service.errors import ModelUnavailable, SottoError
from service.log.deployment import Deployment, Deployments
from service.log.store import Store
from service.log.turns import TurnQueue
from service.log.uses import Uses
from service.log.workers import HostRegistry, HostStatus, WorkerRegistry, WorkerStatus
from service.worker.device import Placement
from service.worker.inventory import MB, Inventory, Known
from service.worker.loop import Worker
from service.worker.model_folder import ModelFiles, ModelSource
from service.worker.residency import Candidate, Plan, plan
from service.worker.slots import Slots

log = logging.getLogger(__name__)

LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class HostOptions:
    """`process` names this one. `own_model` is loaded unless somebody said that it shall not be; `memory_limit` of all
    models together in bytes, 0: none."""

    process: str
    own_model: str
    memory_limit: int
    claim_idle_ms: int
    max_deliveries: int


@dataclass(frozen=True, slots=True)
class Resident:
    """A model in memory, and the task that serves it."""

    worker: Worker
    serving: "asyncio.Task[None]"


class Host:
    def __init__(self, store: Store, source: ModelSource, placement: Placement, options: HostOptions) -> None:
        self._store = store
        self._source = source
        self._placement = placement
        self._options = options
        self._slots = Slots(placement.slots)
        self._deployments, self._uses = Deployments(store), Uses(store)
        self._workers, self._hosts = WorkerRegistry(store), HostRegistry(store)
        self._inventory = Inventory(options.memory_limit)
        self._residents: dict[str, Resident] = {}
        self._told: set[str] = set()
        self._draining = asyncio.Event()

    async def run(self) -> None:
        """Works until `drain` is called and what was claimed is done.

        Raises ModelUnavailable when its own model cannot be loaded and it never had another.
        """
        change: asyncio.Task[None] | None = None
        hopeless = ""
        async with asyncio.TaskGroup() as group:
            draining = group.create_task(self._draining.wait())
            while not self._draining.is_set() and not hopeless:
                if change is None or change.done():
                    change = await self._look(group)
                    hopeless = "" if change else self._hopeless()
                await self._tell()
                waited = [draining, change] if change else [draining]
                await asyncio.wait(waited, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            self._draining.set()
            if change:
                await change
            for resident in self._residents.values():
                resident.worker.drain()
        await self._leave()
        self._slots.close()
        if hopeless:
            raise ModelUnavailable(hopeless, field="model")

    def drain(self) -> None:
        """Stops claiming for all models; turns that are not being decoded yet are given back."""
        self._draining.set()

    def _hopeless(self) -> str:
        """Why this process will never serve anything; empty while there is hope."""
        own = self._inventory.known.get(self._options.own_model)
        ever = any(known.was_loaded for known in self._inventory.known.values())
        return own.failure if own and not ever else ""

    # ---- deciding

    async def _look(self, group: asyncio.TaskGroup) -> "asyncio.Task[None] | None":
        """Compares what is wanted with what is there; the task that changes it, if anything is to be changed."""
        try:
            deployment = await self._deployments.read()
            ids = dict.fromkeys([self._options.own_model, *deployment.models, *self._residents])
            used = await self._used(tuple(ids))
        except (RedisError, SottoError) as error:
            log.warning("cannot read which models are wanted", extra={"reason": str(error)})
            return None
        at_start = not self._inventory.known
        found = [await self._candidate(model, deployment, used[model], at_start=at_start) for model in ids]
        candidates = [candidate for candidate in found if candidate]
        decided = plan(candidates, limit_bytes=self._options.memory_limit, now=time.monotonic())
        self._inventory.no_room = decided.no_room
        if not decided.drop and not decided.load:
            return None
        self._inventory.loading = decided.load
        return group.create_task(self._carry_out(decided, group))

    async def _used(self, models: tuple[str, ...]) -> dict[str, bool]:
        """Whether streams, recordings, jobs or turns need each of them."""
        uses = await self._uses.count(models)
        queued = {model: await TurnQueue(self._store, model).lengths() for model in models}
        return {model: bool(uses[model] or any(queued[model].values())) for model in models}

    async def _candidate(self, model: str, deployment: Deployment, used: bool, *, at_start: bool) -> Candidate | None:
        """Brings what is known of a model up to date; None when it is neither loaded nor can or need be."""
        now, wish = time.monotonic(), deployment.models.get(model)
        asked = wish.asked if wish else 0
        known = self._inventory.known.setdefault(model, Known(asked if at_start else -1, now, now))
        known.seen = asked
        known.wanted = wish.wanted if wish else model == self._options.own_model
        if resident := self._residents.get(model):
            known.used_at = max(known.used_at, resident.worker.active_at)
        known.used_at = now if used else known.used_at
        needed = known.wanted or used
        if needed:
            known.needed_at = now
        if known.loaded or not needed:
            known.asked, known.failure = asked, ""
        if not known.loaded and not needed:
            known.files = None
            return None
        anew = known.asked < asked
        files = await self._files(model, known, anew=anew)
        if files is None:
            return None
        return Candidate(
            model,
            files.bytes,
            loaded=known.loaded,
            wanted=known.wanted,
            anew=anew,
            used=used,
            used_at=known.used_at,
            needed_at=known.needed_at,
        )

    async def _files(self, model: str, known: Known, *, anew: bool) -> ModelFiles | None:
        """Where the model lies; None for one that failed, until it is asked for anew."""
        if known.failure and not anew:
            return None
        if known.files is None or known.failure:
            known.failure = ""
            try:
                known.files = await asyncio.to_thread(self._source.find, model)
            except (SottoError, OSError, ValueError) as error:
                self._fail(model, error)
                return None
        return known.files

    def _fail(self, model: str, error: Exception) -> None:
        known = self._inventory.known[model]
        known.files, known.asked, known.failure = None, known.seen, str(error) or type(error).__name__
        log.error("cannot load a model", extra={"model": model, "reason": known.failure}, exc_info=_unforeseen(error))

    # ---- changing

    async def _carry_out(self, decided: Plan, group: asyncio.TaskGroup) -> None:
        for model in decided.drop:
            await self._let_go(model)
        if decided.load:
            await self._bring(decided.load, group)

    async def _let_go(self, model: str) -> None:
        """Takes a model out of memory; turns that come meanwhile stay in their queues."""
        resident = self._residents[model]
        resident.worker.drain()
        await resident.serving
        del self._residents[model], resident
        gc.collect()  # a worker and its tasks refer to each other: a model's memory is not to wait for that
        self._inventory.known[model].loaded = False
        log.info("model let go", extra={"model": model, "wanted": self._inventory.known[model].wanted})

    async def _bring(self, model: str, group: asyncio.TaskGroup) -> None:
        known, started = self._inventory.known[model], time.monotonic()
        assert known.files is not None, "only models whose files were found are planned"
        try:
            decoder = await asyncio.to_thread(self._source.load, known.files)
        except Exception as error:  # whatever broken files raise, the models that run must not suffer
            self._fail(model, error)
            return
        finally:
            self._inventory.loading = None
        placed, options = self._placement, self._options
        worker = Worker(
            self._store,
            decoder,
            self._status(model, decoder.languages),
            self._slots,
            gather_ms=placed.gather_ms,
            claim_idle_ms=options.claim_idle_ms,
            max_deliveries=options.max_deliveries,
        )
        known.loaded = known.was_loaded = True
        self._residents[model] = Resident(worker, group.create_task(worker.run()))
        took = {"seconds": round(time.monotonic() - started, 2), "mb": known.files.bytes // MB}
        log.info("worker ready", extra={"model": model, "device": placed.device, "slots": placed.slots} | took)

    # ---- telling

    async def _tell(self) -> None:
        """Says what this process holds, and for models that wait on the disk that turns for them are welcome."""
        try:
            await self._hosts.announce(
                HostStatus(
                    id=self._options.process,
                    device=self._placement.device,
                    memory_bytes=self._inventory.memory_bytes,
                    memory_limit=self._options.memory_limit,
                    models=self._inventory.held(),
                    installed=await asyncio.to_thread(self._source.ids),
                )
            )
            cold = self._inventory.cold()
            for model, files in cold.items():
                await self._workers.announce(self._status(model, files.languages, cold=True))
            for model in self._told - cold.keys() - self._residents.keys():
                await self._workers.leave(self._worker_id(model))
            self._told = cold.keys() | self._residents.keys()
        except (RedisError, SottoError) as error:
            log.warning("cannot say what is loaded", extra={"reason": str(error)})

    async def _leave(self) -> None:
        for model in self._told | self._residents.keys():
            await self._workers.leave(self._worker_id(model))
        await self._hosts.leave(self._options.process)

    def _status(self, model: str, languages: tuple[str, ...], *, cold: bool = False) -> WorkerStatus:
        placed = self._placement
        return WorkerStatus(
            id=self._worker_id(model),
            model=model,
            device=placed.device,
            compute_type=placed.compute_type,
            slots=placed.slots,
            max_batch=placed.max_batch,
            busy=0,
            languages=languages,
            process=self._options.process,
            cold=cold,
        )

    def _worker_id(self, model: str) -> str:
        return f"{self._options.process}/{model}"


def _unforeseen(error: Exception) -> Exception | None:
    """The error, where its traceback may tell something."""
    return None if isinstance(error, SottoError) else error
