"""A decoder with a model of random weights and forced numbers of tokens, and a worker process that serves it."""

import argparse
import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path

import ctranslate2
import numpy as np

from loadtest.cost_model import TOKENS_PER_S
from loadtest.gpu.shapes import SHAPES, Shape, Tokens
from loadtest.scripted import hypothesis
from service import event_loop
from service.decoding import model
from service.decoding.costs import Costs
from service.decoding.features import HOP, LogMel
from service.decoding.utterance import DecodeResult, Utterance
from service.decoding.windows import window_for
from service.log.store import Store
from service.log.workers import WorkerStatus
from service.settings import Settings
from service.transcript import SAMPLE_RATE
from service.worker.loop import Worker
from service.worker.slots import Slots

BIAS_PROMPT = 120  # tokens of a prompt with the phrases that were retrieved


class ForcedDecoder:
    """Does for a batch what Whisper's decoder does: features, encoder, beam search, alignment; where `biased`, a final
    is decoded again behind a prompt of phrases. What is said is random, how long it is follows from the audio.

    Raises ModelUnavailable when the model cannot be loaded there.
    """

    def __init__(
        self, folder: Path, shape: Shape, *, device: str, compute_type: str, slots: int, biased: bool = False
    ) -> None:
        self._model = model.load(folder, device=device, compute_type=compute_type, threads=slots)
        self._tokens = Tokens.of(shape)
        self._log_mel = LogMel(shape.n_mels)
        self._biased = biased

    def decode(self, batch: Sequence[Utterance]) -> DecodeResult:
        tokens = max(1, round(TOKENS_PER_S * max(utterance.seconds for utterance in batch)))
        return self.decode_as(batch, tokens, beam_size=max(u.options.beam_size for u in batch))

    def decode_as(self, batch: Sequence[Utterance], tokens: int, *, beam_size: int) -> DecodeResult:
        """The batch with so many tokens for each of its utterances."""
        costs = Costs()
        window = max(window_for(len(utterance.samples)) for utterance in batch)
        with costs.measured("features"):
            mels = np.stack([self._log_mel(utterance.samples, window) for utterance in batch])
        with costs.measured("encode"):
            memory = model.encode(self._model, mels)
        frames = [max(2, len(utterance.samples) // HOP) for utterance in batch]
        self._pass(memory, frames, list(self._tokens.start), tokens, beam_size, costs)
        if self._biased and beam_size > 1:  # partials are not worth a second pass
            phrases = [self._tokens.previous, *range(1000, 1000 + BIAS_PROMPT)]
            self._pass(memory, frames, [*phrases, *self._tokens.start], tokens, beam_size, costs)
        costs.window_samples = window * len(batch)
        return DecodeResult(tuple(map(hypothesis, batch)), costs.timings(batch_size=len(batch), rejected=0))

    def _pass(
        self,
        memory: ctranslate2.StorageView,
        frames: list[int],
        prompt: list[int],
        tokens: int,
        beam_size: int,
        costs: Costs,
    ) -> None:
        with costs.measured("generate"):
            results = self._model.generate(
                memory,
                [prompt] * len(frames),
                beam_size=beam_size,
                # CTranslate2 stops at half of max_length, or at what the prompt leaves of it
                max_length=max(2 * tokens, tokens + len(prompt)),
                suppress_tokens=[self._tokens.eot],
                suppress_blank=False,
                return_scores=True,
                return_no_speech_prob=True,
            )
        said = [result.sequences_ids[0][:tokens] for result in results]
        with costs.measured("align"):
            text = [[token for token in one if token < self._tokens.eot] or [0] for one in said]
            self._model.align(memory, list(self._tokens.start), text, frames)


async def serve(arguments: argparse.Namespace) -> None:
    """A worker like any other but for its decoder; works until SIGTERM."""
    settings = Settings()
    decoder = ForcedDecoder(
        arguments.folder,
        SHAPES[arguments.shape],
        device=arguments.device,
        compute_type=arguments.compute_type,
        slots=arguments.slots,
        biased=arguments.biased,
    )
    decoder.decode([Utterance(np.zeros(SAMPLE_RATE, np.int16))])  # what is loaded at the first call is loaded now
    store = Store(arguments.redis_url, prefix=settings.key_prefix)
    status = WorkerStatus(
        id=arguments.name,
        model=settings.model,
        device=arguments.device,
        compute_type=arguments.compute_type,
        slots=arguments.slots,
        max_batch=arguments.max_batch,
        busy=0,
        languages=("en",),
    )
    worker = Worker(
        store,
        decoder,
        status,
        Slots(arguments.slots),
        gather_ms=arguments.gather_ms,
        claim_idle_ms=settings.claim_idle_ms,
        max_deliveries=settings.max_deliveries,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.drain)
    try:
        await worker.run()
    finally:
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("redis_url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", default="forced")
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--device", choices=("cpu", "cuda"), required=True)
    parser.add_argument("--compute-type", required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--max-batch", type=int, required=True)
    parser.add_argument("--gather-ms", type=float, default=0.0)
    parser.add_argument("--biased", action="store_true")
    event_loop.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
