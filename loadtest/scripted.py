"""A worker whose decoder follows a script: gateway, Redis and scheduling are measured without Whisper's own time."""

import argparse
import asyncio
import signal
from collections.abc import Sequence

from service.decoding.utterance import DecodeResult, Timings, Utterance
from service.log.store import Store
from service.log.workers import WorkerStatus
from service.settings import Settings
from service.transcript import Hypothesis, Piece
from service.worker.loop import Worker
from service.worker.slots import Slots

WORDS = (" So", " she", " said", ".")


class ScriptedDecoder:
    """Answers every utterance at once with the same words, spread over it, of which the model is sure."""

    def decode(self, batch: Sequence[Utterance]) -> DecodeResult:
        return DecodeResult(tuple(_hypothesis(utterance) for utterance in batch), Timings(batch_size=len(batch)))


def _hypothesis(utterance: Utterance) -> Hypothesis:
    step = utterance.seconds / len(WORDS)
    pieces = tuple(
        Piece(word, (number,), number * step, (number + 1) * step, confidence=0.9, weakest=0.9, surprisal=0.1)
        for number, word in enumerate(WORDS)
    )
    return Hypothesis(pieces, utterance.options.language or "en")


async def serve(redis_url: str) -> None:
    """Works until SIGTERM."""
    settings = Settings()
    store = Store(redis_url, prefix=settings.key_prefix)
    status = WorkerStatus(
        id="scripted",
        model=settings.model,
        device="none",
        compute_type="none",
        slots=2,
        max_batch=4,
        busy=0,
        languages=("en",),
    )
    worker = Worker(
        store,
        ScriptedDecoder(),
        status,
        Slots(status.slots),
        gather_ms=0.0,
        claim_idle_ms=settings.claim_idle_ms,
        max_deliveries=settings.max_deliveries,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.drain)
    try:
        await worker.run()
    finally:
        await store.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("redis_url")
    asyncio.run(serve(parser.parse_args().redis_url))
