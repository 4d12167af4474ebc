"""Streaming resampling of mono int16 to 16 kHz that can be carried into another process.

Each output is a sum over the inputs within REACH_S of its place, weighted by a Kaiser-windowed sinc: it depends on
nothing else, so it is certain as soon as those inputs are there, and the inputs near the next output are all the
state there is. Outputs are computed in blocks of BLOCK, as one matrix product. Weights are float64, where the order
of a sum changes no int16: how a stream is cut and where it is carried on makes no difference.
"""

from functools import lru_cache
from math import ceil, gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from service.audio.pcm import Int16
from service.transcript import SAMPLE_RATE

Float64 = npt.NDArray[np.float64]

LOWEST_RATE, HIGHEST_RATE = 4_000, 384_000  # Hz; what lies outside is damage, or a bomb

# Passes up to 627 Hz below the lower Nyquist frequency (7.37 kHz of 24 kHz, 3.37 kHz of 8 kHz) within 0.01 dB and
# takes 80 dB off from there on.
REACH_S = 0.004
_MIN_REACH = 32  # inputs, so that files of fewer than 8 kHz keep most of their band
_STOPBAND_DB = 80.0
BLOCK = 32  # outputs
# A block starts between two inputs at one of so many places: exact for all usual rates (44.1 kHz has 5, 11.025 kHz 20).
# At others it starts up to a fortieth of an input off its place, which nobody hears, and never drifts.
_MAX_PHASES = 20
_PIECE = 16_384  # inputs at a time: the windows of a block overlap, and a client may send minutes at once


class _Filter:
    """The weights for one sample rate."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        step = sample_rate / SAMPLE_RATE
        self._period = SAMPLE_RATE // gcd(BLOCK * sample_rate, SAMPLE_RATE)  # blocks after which the phases recur
        self._advance = self._period * BLOCK * sample_rate // SAMPLE_RATE  # inputs from one period to the next
        self._phases = min(self._period, _MAX_PHASES)
        self.reach = max(ceil(REACH_S * sample_rate), _MIN_REACH)
        self.window = int(BLOCK * step) + 2 * self.reach + 1  # inputs that a block depends on
        transition = (_STOPBAND_DB - 7.95) / 14.36 / (2 * self.reach)  # Kaiser's estimates, in cycles per input
        cutoff = min(1.0, 1 / step) - transition
        beta = 0.1102 * (_STOPBAND_DB - 8.7)
        places = np.arange(self._phases)[:, None, None] / self._phases + np.arange(BLOCK) * step
        distance = np.arange(self.window)[:, None] - self.reach - places
        inside = np.sqrt(np.clip(1 - (distance / self.reach) ** 2, 0, None))
        taper = np.where(np.abs(distance) <= self.reach, np.i0(beta * inside), 0.0)
        weights = np.sinc(cutoff * distance) * taper
        self._weights: Float64 = weights / weights.sum(axis=1, keepdims=True)  # [phases, window, BLOCK]

    def certain(self, inputs: int) -> int:
        """How many outputs depend on no input after the first `inputs`."""
        return max((inputs - self.reach - 1) * SAMPLE_RATE // self._sample_rate + 1, 0)

    def start(self, block: int) -> int:
        """Index of the first input that `block` depends on; negative before the stream."""
        return self._place(block) // self._phases - self.reach

    def _place(self, block: int) -> int:
        """Of the first output of `block`, counted in inputs / phases, to the nearest."""
        return (2 * block * BLOCK * self._sample_rate * self._phases // SAMPLE_RATE + 1) // 2

    def blocks(self, first: int, last: int, inputs: Float64) -> Float64:
        """Outputs of the blocks from `first` to before `last`; `inputs` begin at `start(first)`."""
        # What sliding_window_view gives, at a tenth of its time.
        shape = (len(inputs) - self.window + 1, self.window)
        windows = np.ndarray(shape, np.float64, inputs, strides=(inputs.itemsize, inputs.itemsize))
        outputs = np.empty((last - first, BLOCK))
        for block in range(first, min(last, first + self._period)):
            alike = outputs[block - first :: self._period]
            at = self.start(block) - self.start(first)
            own = windows[at : at + self._advance * len(alike) : self._advance]
            alike[:] = np.ascontiguousarray(own) @ self._weights[self._place(block) % self._phases]
        return outputs.reshape(-1)


@lru_cache(maxsize=8)
def _filter(sample_rate: int) -> _Filter:
    """Below 0.6 MB at the usual rates, up to 2.5 MB at odd ones; all streams of a rate share it."""
    return _Filter(sample_rate)


class Resampler:
    """Mono int16 at `sample_rate` Hz to mono int16 at 16 kHz; at 16 kHz the samples pass as they are.

    n inputs give round(n * 16000 / sample_rate) outputs in all, and the same ones however they were cut into chunks.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._filter = None if sample_rate == SAMPLE_RATE else _filter(sample_rate)
        self._outputs = 0
        # From the first input that the block of the next output depends on; before the stream there was silence.
        self._tail = np.zeros(self._filter.reach if self._filter else 0, dtype=np.int16)

    def feed(self, samples: Int16) -> Int16:
        """The outputs that are certain after these inputs.

        The last 4 ms and one or two samples (below 8 kHz: 33 samples) are held back until more is fed, or `flush`.
        """
        if self._filter is None:
            return samples
        pieces = [samples[at : at + _PIECE] for at in range(0, len(samples), _PIECE)]
        return np.concatenate([np.zeros(0, dtype=np.int16), *(self._feed(self._filter, piece) for piece in pieces)])

    def _feed(self, filter_: _Filter, samples: Int16) -> Int16:
        self._tail = np.concatenate([self._tail, samples])
        return self._compute(filter_, filter_.certain(self._inputs(filter_)))

    def flush(self) -> Int16:
        """What is still held back, as if silence followed. Nothing may be fed afterwards."""
        if self._filter is None:
            return np.zeros(0, dtype=np.int16)
        return self._compute(self._filter, round(self._inputs(self._filter) * SAMPLE_RATE / self.sample_rate))

    def _inputs(self, filter_: _Filter) -> int:
        """How many were fed."""
        return filter_.start(self._outputs // BLOCK) + len(self._tail)

    def _compute(self, filter_: _Filter, outputs: int) -> Int16:
        """The outputs up to `outputs` in all that were not given yet."""
        first, last = self._outputs // BLOCK, -(-outputs // BLOCK)
        if outputs <= self._outputs:
            return np.zeros(0, dtype=np.int16)
        start = filter_.start(first)
        inputs = np.zeros(max(filter_.start(last - 1) - start + filter_.window, len(self._tail)))
        inputs[: len(self._tail)] = self._tail
        fresh = filter_.blocks(first, last, inputs)[self._outputs - first * BLOCK : outputs - first * BLOCK]
        self._outputs = outputs
        self._tail = self._tail[filter_.start(outputs // BLOCK) - start :].copy()
        return np.minimum(np.maximum(np.rint(fresh), -32768), 32767).astype(np.int16)

    def state(self) -> dict[str, Any]:
        """Plain values for msgpack, below 1 KB at the rates of streams."""
        if self._filter is None:
            return {}
        return {"outputs": self._outputs, "tail": self._tail.astype("<i2").tobytes()}

    def load(self, state: dict[str, Any]) -> None:
        """Take over `state()` of a resampler of the same rate. Only on a new one."""
        if self._filter is None:
            return
        self._outputs = state["outputs"]
        self._tail = np.frombuffer(state["tail"], dtype="<i2").astype(np.int16)
