"""The worker of one model: claims turns, forms batches, has them decoded on free slots.

Three tasks run beside each other: `_dispatch` claims and starts batches, `_renew` keeps this worker's claims alive
and says that it is, `_reclaim` takes over turns of workers that died. A batch is decoded on a thread of its own.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from redis.exceptions import RedisError

from service import metrics, tracing
from service.errors import SottoError, StoreUnavailable
from service.log.publishing import Lease, Publisher
from service.log.store import Store, TurnKind
from service.log.tasks import cancel_tasks
from service.log.turns import Claimed, TurnQueue
from service.log.workers import WorkerRegistry, WorkerStatus
from service.worker.batcher import BatchPolicy, Waiting, next_batch, urgency
from service.worker.batches import Batches, Decoder, ids_of
from service.worker.bias_hits import BiasHits
from service.worker.finishing import Finisher
from service.worker.loading import Loaded, Loader
from service.worker.slots import Slots

log = logging.getLogger(__name__)

WAIT_MS = 500  # longest blocking wait for a turn
HELD_WAIT_MS = 10  # the same while claimed turns wait for a slot or for company
RENEW_S = 1.0
FIRST_CAPTION_HEADSTART_MS = 600  # an utterance with no caption yet goes before those that have one


class Worker:
    """Serves one model on slots that it may share with others. What it says of itself in `WorkerRegistry` stays there
    when it has drained: whoever runs it knows whether the model is gone or only out of memory."""

    def __init__(
        self,
        store: Store,
        decoder: Decoder,
        status: WorkerStatus,
        slots: Slots,
        *,
        gather_ms: float,
        claim_idle_ms: int,
        max_deliveries: int,
    ) -> None:
        self._status = status
        self._slots = slots
        self._turns = TurnQueue(store, status.model)
        self._registry = WorkerRegistry(store)
        publisher = Publisher(store)
        self._loader = Loader(store, publisher)
        self._finisher = Finisher(publisher, BiasHits(store, self._loader.biases))
        self._batches = Batches(decoder, slots, self._turns, self._finisher)
        self._policy = BatchPolicy(max_batch=status.max_batch, gather_ms=gather_ms, bulk_slots=slots.total)
        self._claim_idle_ms = claim_idle_ms
        self._renew_s = min(RENEW_S, claim_idle_ms / 4000)  # or this worker would give away its own turns
        self._max_deliveries = max_deliveries
        self._waiting: list[Waiting[Loaded]] = []
        self._running: dict[asyncio.Task[None], TurnKind] = {}
        self._draining = asyncio.Event()
        self._grouped = False
        self.active_at = 0.0  # monotonic seconds: when it last claimed a turn

    async def run(self) -> None:
        """Works until `drain` is called and what was claimed is done."""
        async with asyncio.TaskGroup() as group:
            chores = [
                group.create_task(self._every(self._renew_s, self._renew)),
                group.create_task(self._reclaim_loop()),
            ]
            await group.create_task(self._dispatch())
            await cancel_tasks(chores)
        self._slots.forget(self._status.model)

    def drain(self) -> None:
        """Stops claiming; turns that are not being decoded yet are given back."""
        self._draining.set()

    # ---- claiming

    async def _dispatch(self) -> None:
        while not self._draining.is_set():
            try:
                if not self._grouped:  # a Redis that lost its data has no group either
                    await self._turns.ensure_group()
                    await self._turns.forget_consumers()
                    self._grouped = True
                await self._start_batches()
                await self._take_turns()
            except (RedisError, SottoError) as error:  # Redis may refuse, too: its disk or its memory is full
                log.warning("cannot reach the queue", extra={"reason": str(error)})
                await asyncio.sleep(0.5)
                self._grouped = False
        for waiting in self._waiting:
            await self._turns.release(waiting.item.claimed)
        await asyncio.gather(*self._running)

    async def _take_turns(self) -> None:
        """Claims as many turns as can be started soon; waits when there is nothing to claim or no room."""
        room = self._slots.free * self._status.max_batch - len(self._waiting)
        if room <= 0:
            await self._slot_freed()
            return
        bulk_wanted = 0 if self._slots.bulk_running else 1
        claimed = await self._turns.claim(self._status.id, room, bulk_wanted=bulk_wanted)
        if not claimed:
            patience_ms = max(HELD_WAIT_MS, int(self._policy.gather_ms)) if self._waiting else WAIT_MS
            claimed = await self._turns.wait(self._status.id, patience_ms)
        await self._accept(claimed)

    async def _slot_freed(self) -> None:
        if self._slots.free < self._slots.total:
            await self._slots.freed()
        else:
            await asyncio.sleep(max(1.0, self._policy.gather_ms) / 1000)

    async def _accept(self, claimed: list[Claimed]) -> None:
        self.active_at = time.monotonic() if claimed else self.active_at
        for turn in claimed:
            self._batches.held[turn.key] = turn
            metrics.TURN_WAIT_SECONDS.labels(turn.turn.kind).observe(turn.wait_ms / 1000)
            tracing.record("queued", turn.turn.trace, turn.wait_ms / 1000, deliveries=turn.deliveries)
            if turn.turn.kind == "partial" or turn.turn.draft:  # only live streams ask for these, probes do not
                self._slots.note_live()
        for loaded in await asyncio.gather(*(self._load(turn) for turn in claimed)):
            if loaded:
                kind = loaded.claimed.turn.kind
                since_ms = time.monotonic() * 1000 - loaded.claimed.wait_ms
                if kind == "partial" and loaded.is_first:
                    since_ms -= FIRST_CAPTION_HEADSTART_MS
                self._waiting.append(Waiting(kind, loaded.bucket, since_ms, loaded))

    async def _load(self, claimed: Claimed) -> Loaded | None:
        if claimed.deliveries > self._max_deliveries:
            await self._batches.bury(claimed, f"not decoded in {self._max_deliveries} deliveries")
            return None
        try:
            with tracing.span("load", claimed.turn.trace):
                loaded = await self._loader.load(claimed)
        except (RedisError, StoreUnavailable) as error:
            log.warning("cannot load a turn", extra={**ids_of(claimed), "reason": str(error)})
            self._batches.let_go(claimed)
            return None
        except (SottoError, ValueError, TypeError) as error:
            await self._batches.bury(claimed, str(error))
            return None
        if loaded is None:
            await self._batches.done(claimed, "needless")
        if isinstance(loaded, Lease):
            with tracing.span("publish", claimed.turn.trace, outcome="drafted"):
                outcome = await self._finisher.publish_drafted(claimed.turn, loaded)
            await self._batches.done(claimed, "drafted" if outcome == "ok" else outcome)
            return None
        return loaded

    # ---- decoding

    async def _start_batches(self) -> None:
        policy = replace(self._policy, bulk_slots=self._slots.bulk_allowed)
        while True:
            now_ms = time.monotonic() * 1000
            most_urgent = min((urgency(w, policy, now_ms)[0] for w in self._waiting), default=None)
            batch = next_batch(
                self._waiting,
                policy,
                now_ms=now_ms,
                free_slots=self._slots.free_for(self._status.model, most_urgent),
                bulk_running=self._slots.bulk_running,
            )
            if not batch:
                return
            self._waiting = [w for w in self._waiting if w not in batch]
            loaded, kind = [w.item for w in batch], batch[0].kind
            task = asyncio.create_task(self._batches.work(loaded))
            self._slots.take(kind)
            self._running[task] = kind
            task.add_done_callback(partial(self._finished, loaded))

    def _finished(self, batch: list[Loaded], task: asyncio.Task[None]) -> None:
        self._slots.give_back(self._running.pop(task))
        if not task.cancelled() and (error := task.exception()):
            log.error("a batch was not published; its turns will be reclaimed", exc_info=error)
            for loaded in batch:
                self._batches.let_go(loaded.claimed)

    # ---- chores

    async def _renew(self) -> None:
        await self._registry.announce(replace(self._status, busy=len(self._running)))
        held = list(self._batches.held.values())
        kept = await self._turns.keep_claims(self._status.id, held)
        lost = {claimed.key for claimed in held} - kept
        self._waiting = [w for w in self._waiting if w.item.claimed.key not in lost]
        for claimed in held:
            if claimed.key in lost:
                self._batches.let_go(claimed)

    async def _reclaim_loop(self) -> None:
        async def reclaim() -> None:
            limit = self._status.max_batch * self._slots.total
            taken = await self._turns.reclaim(self._status.id, idle_ms=self._claim_idle_ms, limit=limit)
            if taken:
                log.warning("reclaimed turns of a silent worker", extra={"turns": len(taken)})
            await self._accept(taken)

        await self._every(self._claim_idle_ms / 3000, reclaim)

    async def _every(self, seconds: float, chore: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await chore()
            except (RedisError, SottoError) as error:
                log.warning("a chore could not reach Redis", extra={"reason": str(error)})
            await asyncio.sleep(seconds)
