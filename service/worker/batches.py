"""Decodes the batches of one model and answers their turns, whatever fails."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Protocol

from service import metrics, tracing
from service.decoding.whisper import DecodeResult, Utterance
from service.log.turns import Claimed, TurnQueue
from service.logs import session_id, turn_id
from service.streaming.agreement import contradicts
from service.transcript import SAMPLE_RATE, Hypothesis
from service.worker.finishing import Finisher
from service.worker.loading import Loaded
from service.worker.slots import Slots

log = logging.getLogger(__name__)


class Decoder(Protocol):
    def decode(self, batch: Sequence[Utterance]) -> DecodeResult: ...


class Batches:
    """`held` are the claims of this worker, by key: those that it renews."""

    def __init__(self, decoder: Decoder, slots: Slots, turns: TurnQueue, finisher: Finisher) -> None:
        self.held: dict[str, Claimed] = {}
        self._decoder = decoder
        self._slots = slots
        self._turns = turns
        self._finisher = finisher

    async def work(self, batch: list[Loaded]) -> None:
        """Decodes and publishes a batch; when it fails as a whole, each of its turns alone."""
        try:
            hypotheses = await self._decode(batch)
        except Exception as error:  # one bad item must not fail the others, whatever it raises
            log.warning("batch failed, trying its turns one by one", extra={"size": len(batch)}, exc_info=error)
            for loaded in batch:
                await self._work_alone(loaded)
            return
        published = await asyncio.gather(  # beside each other: their commands share pipelines
            *map(self._publish, batch, hypotheses), return_exceptions=True
        )
        for outcome in published:
            if outcome is not None:
                raise outcome

    async def _work_alone(self, loaded: Loaded) -> None:
        try:
            [hypothesis] = await self._decode([loaded])
        except Exception as error:  # the waiting caller is told, the turn is buried
            if loaded.utterance.options.bias:
                log.exception("turn failed, decoding it without its bias lists", extra=ids_of(loaded.claimed))
                await self._work_alone(loaded.without_bias())
                return
            log.exception("turn failed", extra=ids_of(loaded.claimed))
            await self.bury(loaded.claimed, f"{type(error).__name__}: {error}")
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
        result = await loop.run_in_executor(self._slots.threads, self._decoder.decode, utterances)
        self._observe(batch, result, time.perf_counter() - started)
        return list(result.hypotheses)

    async def _publish(self, loaded: Loaded, hypothesis: Hypothesis) -> None:
        session_id.set(loaded.claimed.turn.session)
        turn_id.set(loaded.claimed.id)
        with tracing.span("publish", loaded.claimed.turn.trace) as span:
            outcome = await self._finisher.publish(loaded, hypothesis)
            span.note(outcome=outcome)
        if outcome == "redo":
            await self._turns.enqueue(replace(loaded.claimed.turn, draft=False))
        await self.done(loaded.claimed, outcome)

    async def done(self, claimed: Claimed, outcome: str) -> None:
        """Takes a turn off the queue. A final that was given away stays: whoever has it now may die over it."""
        if outcome == "stale":
            log.warning("the turn was given away, its result is not published", extra=ids_of(claimed))
        if outcome != "stale" or claimed.turn.kind == "partial":
            await self._turns.ack(claimed)
        self.let_go(claimed)
        metrics.TURNS.labels(self._turns.model, claimed.turn.kind, outcome).inc()

    async def bury(self, claimed: Claimed, reason: str) -> None:
        log.error("dead-lettered a turn", extra={**ids_of(claimed), "reason": reason})
        if await self._finisher.fail(claimed.turn, reason) == "redo":
            await self._turns.enqueue(replace(claimed.turn, draft=False))
        await self._turns.bury(claimed, reason)
        self.let_go(claimed)
        metrics.TURNS.labels(self._turns.model, claimed.turn.kind, "dead").inc()

    def let_go(self, claimed: Claimed) -> None:
        """Stops renewing a claim: its turn is done, or is to be delivered again."""
        self.held.pop(claimed.key, None)

    def _observe(self, batch: list[Loaded], result: DecodeResult, seconds: float) -> None:
        kind = batch[0].claimed.turn.kind
        metrics.BATCH_SIZE.labels(kind).observe(len(batch))
        metrics.WINDOW_SECONDS.observe(batch[0].bucket)
        metrics.REAL_TIME_FACTOR.labels(self._turns.model).observe(
            seconds / max(0.1, sum(b.window_samples for b in batch) / SAMPLE_RATE)
        )
        metrics.FALLBACKS.inc(result.timings.fallbacks)
        metrics.SECOND_PASSES.inc(sum(bool(boost and boost.prompted) for boost in result.boosts))
        metrics.BIAS_MATCHES.inc(sum(len(hypothesis.matches) for hypothesis in result.hypotheses))
        stages = result.timings.stages()
        for stage, spent in stages.items():
            metrics.STAGE_SECONDS.labels(stage).observe(spent)
        of_batch = {f"{stage}_s": spent for stage, spent in stages.items()} | {"batch_size": len(batch)}
        for loaded, boost in zip_longest(batch, result.boosts):
            second = bool(boost and boost.prompted)
            tracing.record("decode", loaded.claimed.turn.trace, seconds, second_pass=second, **of_batch)


def ids_of(claimed: Claimed) -> dict[str, object]:
    """What a line of the log tells of a turn."""
    return {"session": claimed.turn.session, "turn": claimed.id, "kind": claimed.turn.kind}
