"""A worker whose decoder follows a script: gateway, Redis and scheduling are measured without Whisper's own time, or
with the time that a cost model says it would take."""

import argparse
import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from loadtest.cost_model import TOKENS_PER_S, CostModel, load
from service import event_loop
from service.decoding.utterance import DecodeResult, Timings, Utterance
from service.decoding.windows import window_for
from service.log.figures import Teller
from service.log.store import Store
from service.log.tasks import cancel_tasks
from service.log.workers import WorkerStatus
from service.settings import Settings
from service.transcript import SAMPLE_RATE, Hypothesis, Piece
from service.worker.loop import Worker
from service.worker.slots import Slots

WORDS = (" So", " she", " said", ".")


class ScriptedDecoder:
    """Answers every utterance with the same words, spread over it, of which the model is sure: at once, or after as
    long as the cost model says."""

    def __init__(self, costs: CostModel | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._costs = costs
        self._sleep = sleep

    def decode(self, batch: Sequence[Utterance]) -> DecodeResult:
        window_s = max((window_for(len(utterance.samples)) for utterance in batch), default=0) / SAMPLE_RATE
        seconds = 0.0
        if self._costs and batch:
            tokens = round(TOKENS_PER_S * max(utterance.seconds for utterance in batch))
            seconds = self._costs.seconds(window_s, len(batch), tokens)
            self._sleep(seconds)
        timings = Timings(batch_size=len(batch), generate_s=seconds, window_s=window_s * len(batch))
        return DecodeResult(tuple(hypothesis(utterance) for utterance in batch), timings)


def hypothesis(utterance: Utterance) -> Hypothesis:
    """The scripted words, spread over the utterance."""
    step = utterance.seconds / len(WORDS)
    pieces = tuple(
        Piece(word, (number,), number * step, (number + 1) * step, confidence=0.9, weakest=0.9, surprisal=0.1)
        for number, word in enumerate(WORDS)
    )
    return Hypothesis(pieces, utterance.options.language or "en")


def scripted_worker(
    store: Store, settings: Settings, *, name: str, slots: int, max_batch: int, costs: CostModel | None
) -> Worker:
    """A worker like any other but for its decoder."""
    status = WorkerStatus(
        id=name,
        model=settings.model,
        device=costs.measured_on if costs else "none",
        compute_type="none",
        slots=slots,
        max_batch=max_batch,
        busy=0,
        languages=("en",),
    )
    return Worker(
        store,
        ScriptedDecoder(costs),
        status,
        Slots(slots),
        gather_ms=0.0,
        claim_idle_ms=settings.claim_idle_ms,
        max_deliveries=settings.max_deliveries,
    )


async def serve(arguments: argparse.Namespace) -> None:
    """Works until SIGTERM."""
    settings = Settings()
    store = Store(arguments.redis_url, prefix=settings.key_prefix)
    worker = scripted_worker(
        store,
        settings,
        name=arguments.name,
        slots=arguments.slots,
        max_batch=arguments.max_batch,
        costs=load(arguments.costs) if arguments.costs else None,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.drain)
    telling = asyncio.create_task(Teller(store).run())
    try:
        await worker.run()
    finally:
        await cancel_tasks([telling])
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("redis_url")
    parser.add_argument("--name", default="scripted")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--max-batch", type=int, default=4)
    parser.add_argument("--costs", type=Path, help="cost model: how long decoding takes")
    event_loop.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
