"""The worker: claims turns, forms batches, decodes them on its slots, publishes, acknowledges.

Three tasks run beside each other: `_dispatch` claims and starts batches, `_renew` keeps this worker's claims alive
and says that it is, `_reclaim` takes over turns of workers that died. A batch is decoded on a thread of its own.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Protocol

from redis.exceptions import RedisError, ResponseError

from service import metrics
from service.decoding.whisper import DecodeResult, Utterance
from service.errors import SottoError, StoreUnavailable
from service.log.publishing import Lease, Publisher
from service.log.store import Store
from service.log.tasks import cancel_tasks
from service.log.turns import Claimed, TurnQueue
from service.log.workers import WorkerRegistry, WorkerStatus
from service.logs import session_id, turn_id
from service.streaming.agreement import contradicts
from service.transcript import SAMPLE_RATE, Hypothesis
from service.worker.batcher import BatchPolicy, Waiting, next_batch
from service.worker.finishing import Finisher
from service.worker.loading import Loaded, Loader

log = logging.getLogger(__name__)

WAIT_MS = 500  # longest blocking wait for a turn
HELD_WAIT_MS = 10  # the same while claimed turns wait for a slot or for company
RENEW_S = 1.0
FIRST_CAPTION_HEADSTART_MS = 600  # an utterance with no caption yet goes before those that have one
LIVE_MEMORY_S = 10.0  # bulk work leaves one slot free for so long after the last live turn


class Decoder(Protocol):
    def decode(self, batch: Sequence[Utterance]) -> DecodeResult: ...


class Worker:
    """Serves one model. `slots` batches are decoded at once."""

    def __init__(
        self,
        store: Store,
        decoder: Decoder,
        status: WorkerStatus,
        *,
        gather_ms: float,
        claim_idle_ms: int,
        max_deliveries: int,
    ) -> None:
        self._status = status
        self._decoder = decoder
        self._turns = TurnQueue(store, status.model)
        self._registry = WorkerRegistry(store)
        publisher = Publisher(store)
        self._loader = Loader(store, publisher)
        self._finisher = Finisher(publisher)
        self._policy = BatchPolicy(max_batch=status.max_batch, gather_ms=gather_ms, bulk_slots=status.slots)
        self._claim_idle_ms = claim_idle_ms
        self._renew_s = min(RENEW_S, claim_idle_ms / 4000)  # or this worker would give away its own turns
        self._max_deliveries = max_deliveries
        self._threads = ThreadPoolExecutor(status.slots, thread_name_prefix="decode")
        self._held: dict[str, Claimed] = {}
        self._waiting: list[Waiting[Loaded]] = []
        self._running: dict[asyncio.Task[None], str] = {}
        self._live_at = -LIVE_MEMORY_S
        self._draining = asyncio.Event()

    async def run(self) -> None:
        """Works until `drain` is called and what was claimed is done."""
        await self._turns.ensure_group()
        async with asyncio.TaskGroup() as group:
            chores = [
                group.create_task(self._every(self._renew_s, self._renew)),
                group.create_task(self._reclaim_loop()),
            ]
            await group.create_task(self._dispatch())
            await cancel_tasks(chores)
        await self._registry.leave(self._status.id)
        self._threads.shutdown()

    def drain(self) -> None:
        """Stops claiming; turns that are not being decoded yet are given back."""
        self._draining.set()

    # ---- claiming

    async def _dispatch(self) -> None:
        while not self._draining.is_set():
            try:
                await self._start_batches()
                await self._take_turns()
            except ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
                await self._turns.ensure_group()
            except (RedisError, SottoError) as error:
                log.warning("cannot reach the queue", extra={"reason": str(error)})
                await asyncio.sleep(0.5)
        for waiting in self._waiting:
            await self._turns.release(waiting.item.claimed)
        await asyncio.gather(*self._running)

    async def _take_turns(self) -> None:
        """Claims as many turns as can be started soon; waits when there is nothing to claim or no room."""
        free = self._status.slots - len(self._running)
        room = free * self._status.max_batch - len(self._waiting)
        if room <= 0:
            await self._slot_freed()
            return
        bulk_idle = "bulk" not in self._running.values()
        claimed = await self._turns.claim(self._status.id, room, bulk_wanted=1 if bulk_idle else 0)
        if not claimed:
            patience_ms = max(HELD_WAIT_MS, int(self._policy.gather_ms)) if self._waiting else WAIT_MS
            claimed = await self._turns.wait(self._status.id, patience_ms)
        await self._accept(claimed)

    async def _slot_freed(self) -> None:
        if self._running:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(self._policy.gather_ms / 1000)

    async def _accept(self, claimed: list[Claimed]) -> None:
        for turn in claimed:
            self._held[turn.key] = turn
            metrics.TURN_WAIT_SECONDS.labels(turn.turn.kind).observe(turn.wait_ms / 1000)
            if turn.turn.kind == "partial" or turn.turn.draft:  # only live streams ask for these, probes do not
                self._live_at = time.monotonic()
        for loaded in await asyncio.gather(*(self._load(turn) for turn in claimed)):
            if loaded:
                kind = loaded.claimed.turn.kind
                since_ms = time.monotonic() * 1000 - loaded.claimed.wait_ms
                if kind == "partial" and loaded.is_first:
                    since_ms -= FIRST_CAPTION_HEADSTART_MS
                self._waiting.append(Waiting(kind, loaded.bucket, since_ms, loaded))

    async def _load(self, claimed: Claimed) -> Loaded | None:
        if claimed.deliveries > self._max_deliveries:
            await self._bury(claimed, f"not decoded in {self._max_deliveries} deliveries")
            return None
        try:
            loaded = await self._loader.load(claimed)
        except (RedisError, StoreUnavailable) as error:
            log.warning("cannot load a turn", extra={**_ids(claimed), "reason": str(error)})
            self._let_go(claimed)
            return None
        except (SottoError, ValueError, TypeError) as error:
            await self._bury(claimed, str(error))
            return None
        if loaded is None:
            await self._done(claimed, "needless")
        if isinstance(loaded, Lease):
            await self._finisher.publish_drafted(claimed.turn, loaded)
            await self._done(claimed, "drafted")
            return None
        return loaded

    # ---- decoding

    async def _start_batches(self) -> None:
        live = time.monotonic() - self._live_at < LIVE_MEMORY_S
        slots = self._status.slots
        policy = replace(self._policy, bulk_slots=max(1, slots - 1) if live else slots)
        while True:
            bulk_running = sum(kind == "bulk" for kind in self._running.values())
            batch = next_batch(
                self._waiting,
                policy,
                now_ms=time.monotonic() * 1000,
                free_slots=slots - len(self._running),
                bulk_running=bulk_running,
            )
            if not batch:
                return
            self._waiting = [w for w in self._waiting if w not in batch]
            loaded = [w.item for w in batch]
            task = asyncio.create_task(self._work(loaded))
            self._running[task] = batch[0].kind
            task.add_done_callback(partial(self._finished, loaded))

    def _finished(self, batch: list[Loaded], task: asyncio.Task[None]) -> None:
        del self._running[task]
        if not task.cancelled() and (error := task.exception()):
            log.error("a batch was not published; its turns will be reclaimed", exc_info=error)
            for loaded in batch:
                self._let_go(loaded.claimed)

    def _let_go(self, claimed: Claimed) -> None:
        """Stops renewing a claim, so that the turn is delivered again."""
        self._held.pop(claimed.key, None)

    async def _work(self, batch: list[Loaded]) -> None:
        """Decodes and publishes a batch; when it fails as a whole, each of its turns alone."""
        try:
            hypotheses = await self._decode(batch)
        except Exception as error:  # one bad item must not fail the others, whatever it raises
            log.warning("batch failed, trying its turns one by one", extra={"size": len(batch)}, exc_info=error)
            for loaded in batch:
                await self._work_alone(loaded)
            return
        for loaded, hypothesis in zip(batch, hypotheses, strict=True):
            await self._publish(loaded, hypothesis)

    async def _work_alone(self, loaded: Loaded) -> None:
        try:
            [hypothesis] = await self._decode([loaded])
        except Exception as error:  # the waiting caller is told, the turn is buried
            if loaded.utterance.options.bias:
                log.exception("turn failed, decoding it without its bias lists", extra=_ids(loaded.claimed))
                await self._work_alone(loaded.without_bias())
                return
            log.exception("turn failed", extra=_ids(loaded.claimed))
            await self._bury(loaded.claimed, f"{type(error).__name__}: {error}")
            return
        await self._publish(loaded, hypothesis)

    async def _decode(self, batch: list[Loaded]) -> list[Hypothesis]:
        """Decodes a batch; finals that would contradict committed words are decoded again behind those."""
        hypotheses = await self._call_decoder(batch)
        again = [
            i
            for i, (loaded, hypothesis) in enumerate(zip(batch, hypotheses, strict=True))
            if loaded.claimed.turn.kind != "partial" and contradicts(loaded.agreement, hypothesis)
        ]
        if again:
            metrics.CONTRADICTIONS.inc(len(again))
            retried = await self._call_decoder([batch[i].behind_committed() for i in again])
            for i, hypothesis in zip(again, retried, strict=True):
                hypotheses[i] = hypothesis
        return hypotheses

    async def _call_decoder(self, batch: list[Loaded]) -> list[Hypothesis]:
        utterances = [loaded.utterance for loaded in batch]
        loop = asyncio.get_running_loop()
        started = time.perf_counter()
        result = await loop.run_in_executor(self._threads, self._decoder.decode, utterances)
        _observe(batch, result, time.perf_counter() - started)
        return list(result.hypotheses)

    async def _publish(self, loaded: Loaded, hypothesis: Hypothesis) -> None:
        session_id.set(loaded.claimed.turn.session)
        turn_id.set(loaded.claimed.id)
        outcome = await self._finisher.publish(loaded, hypothesis)
        if outcome == "stale":
            log.warning("the turn was given away, its result is not published", extra=_ids(loaded.claimed))
        if outcome == "redo":
            await self._turns.enqueue(replace(loaded.claimed.turn, draft=False))
        await self._done(loaded.claimed, outcome)

    async def _done(self, claimed: Claimed, outcome: str) -> None:
        await self._turns.ack(claimed)
        self._let_go(claimed)
        metrics.TURNS.labels(claimed.turn.kind, outcome).inc()

    async def _bury(self, claimed: Claimed, reason: str) -> None:
        log.error("dead-lettered a turn", extra={**_ids(claimed), "reason": reason})
        if await self._finisher.fail(claimed.turn, reason) == "redo":
            await self._turns.enqueue(replace(claimed.turn, draft=False))
        await self._turns.bury(claimed, reason)
        self._let_go(claimed)
        metrics.TURNS.labels(claimed.turn.kind, "dead").inc()

    # ---- chores

    async def _renew(self) -> None:
        await self._registry.announce(replace(self._status, busy=len(self._running)))
        held = list(self._held.values())
        kept = await self._turns.keep_claims(self._status.id, held)
        lost = {claimed.key for claimed in held} - kept
        self._waiting = [w for w in self._waiting if w.item.claimed.key not in lost]
        for claimed in held:
            if claimed.key in lost:
                self._let_go(claimed)

    async def _reclaim_loop(self) -> None:
        async def reclaim() -> None:
            limit = self._status.max_batch * self._status.slots
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


def _ids(claimed: Claimed) -> dict[str, object]:
    return {"session": claimed.turn.session, "turn": claimed.id, "kind": claimed.turn.kind}


def _observe(batch: list[Loaded], result: DecodeResult, seconds: float) -> None:
    kind = batch[0].claimed.turn.kind
    metrics.BATCH_SIZE.labels(kind).observe(len(batch))
    metrics.WINDOW_SECONDS.observe(batch[0].bucket)
    metrics.REAL_TIME_FACTOR.observe(seconds / max(0.1, sum(b.window_samples for b in batch) / SAMPLE_RATE))
    metrics.FALLBACKS.inc(result.timings.fallbacks)
    metrics.SECOND_PASSES.inc(sum(bool(boost and boost.prompted) for boost in result.boosts))
    metrics.BIAS_MATCHES.inc(sum(len(hypothesis.matches) for hypothesis in result.hypotheses))
    for stage, spent in result.timings.stages().items():
        metrics.STAGE_SECONDS.labels(stage).observe(spent)
