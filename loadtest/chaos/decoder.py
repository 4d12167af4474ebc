"""A worker whose words are made of the audio that it is given: a lost or doubled piece of audio reads differently."""

import argparse
import asyncio
import os
import secrets
import select
import signal
import zlib
from collections.abc import Sequence
from itertools import product

from service import event_loop, logs
from service.decoding.utterance import DecodeResult, Timings, Utterance
from service.log.store import Store
from service.log.workers import WorkerStatus
from service.settings import Settings
from service.transcript import SAMPLE_RATE, Hypothesis, Piece
from service.worker.loop import Worker
from service.worker.slots import Slots

BLOCK = SAMPLE_RATE // 5  # samples that make one word
BATCH_S, UTTERANCE_S = 0.1, 0.02  # how long a decode takes: long enough to be killed in
SYLLABLES = tuple(a + b for a, b in product("bdfgklmnprstvz", "aeiou"))


class AudioDecoder:
    """One word for every 200 ms, spelled by its samples."""

    def decode(self, batch: Sequence[Utterance]) -> DecodeResult:
        select.select((), (), (), BATCH_S + UTTERANCE_S * len(batch))  # time.sleep fails under libfaketime 0.9.10
        return DecodeResult(tuple(map(_hypothesis, batch)), Timings(batch_size=len(batch)))


def _hypothesis(utterance: Utterance) -> Hypothesis:
    """Raises ValueError when it is asked to begin with words that are not in its audio."""
    whole = utterance.samples[: len(utterance.samples) // BLOCK * BLOCK].reshape(-1, BLOCK)
    pieces = tuple(_piece(number, zlib.crc32(block.tobytes())) for number, block in enumerate(whole))
    tokens = tuple(piece.tokens[0] for piece in pieces)
    if tokens[: len(utterance.prefix)] != utterance.prefix:
        raise ValueError("committed words are not in the audio")
    return Hypothesis(pieces, utterance.options.language or "en")


def _piece(number: int, digest: int) -> Piece:
    token = digest % 40_000
    word, rest = "", token
    for _ in range(3):
        rest, syllable = divmod(rest, len(SYLLABLES))
        word += SYLLABLES[syllable]
    start = number * BLOCK / SAMPLE_RATE
    end = start + BLOCK / SAMPLE_RATE
    return Piece(f" {word}", (token,), start, end, confidence=0.95, weakest=0.95, surprisal=0.05)


async def serve(redis_url: str) -> None:
    """Works until SIGTERM."""
    settings = Settings()
    logs.configure(settings.log_level, "worker")
    store = Store(redis_url, prefix=settings.key_prefix)
    await store.wait()
    status = WorkerStatus(
        id=f"chaos-{os.getpid()}-{secrets.token_hex(4)}",
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
        AudioDecoder(),
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
    event_loop.run(serve(parser.parse_args().redis_url))
