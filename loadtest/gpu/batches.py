"""What batches cost on a device, by window, size and tokens; the best size for each window."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from loadtest.cost_model import TOKENS_PER_S, CostModel, Measurement
from service.decoding.utterance import DecodeResult, Utterance
from service.decoding.windows import MIN_PADDING
from service.transcript import SAMPLE_RATE

NEARLY = 0.95  # of the best throughput: a smaller batch that reaches it is better, it waits less
_LOUDNESS = 1000.0


class Timed(Protocol):
    def decode_as(self, batch: Sequence[Utterance], tokens: int, *, beam_size: int) -> DecodeResult: ...


def sweep(
    decoder: Timed, *, windows_s: Sequence[int], sizes: Sequence[int], slots: int, rounds: int, beam_size: int = 5
) -> list[Measurement]:
    """All slots busy with the same kind of batch: how long one takes each of them, at half of the window's usual
    number of tokens and at all of it."""
    found = []
    with ThreadPoolExecutor(slots) as pool:
        for window_s in windows_s:
            utterance = noise(window_s)
            usual = max(2, round(TOKENS_PER_S * utterance.seconds))
            for size in sizes:
                for tokens in (max(1, usual // 2), usual):

                    def work(_: int, size: int = size, tokens: int = tokens, one: Utterance = utterance) -> None:
                        decoder.decode_as([one] * size, tokens, beam_size=beam_size)

                    list(pool.map(work, range(slots)))  # what is allocated at the first call is there now
                    started = time.perf_counter()
                    list(pool.map(work, range(slots * rounds)))
                    found.append(Measurement(float(window_s), size, tokens, (time.perf_counter() - started) / rounds))
    return found


def noise(window_s: int) -> Utterance:
    """As much as the window holds with its padding."""
    samples = window_s * SAMPLE_RATE - MIN_PADDING
    return Utterance(np.random.default_rng(1).normal(0, _LOUDNESS, samples).astype(np.int16))


def best_sizes(costs: CostModel) -> dict[float, int]:
    """For each window the smallest batch whose throughput is nearly that of the best one. Pure."""
    found = {}
    for window in sorted({window for window, _ in costs.costs}):
        tokens = max(2, round(TOKENS_PER_S * (window - MIN_PADDING / SAMPLE_RATE)))
        sizes = sorted(size for of, size in costs.costs if of == window)
        rates = {size: size / costs.seconds(window, size, tokens) for size in sizes}
        found[window] = next(size for size in sizes if rates[size] >= NEARLY * max(rates.values()))
    return found
