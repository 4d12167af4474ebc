"""Streaming resampling of mono int16 to 16 kHz that can be carried into another process.

soxr's stream object cannot be serialised. Its output sample k depends on nothing but the input near
k * in_rate / 16000, so a new object fed from a little before that point gives the same samples again. The
stream therefore keeps a tail of its input; to go on elsewhere the tail is replayed and the outputs that
were already given are dropped, by counting.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from service.audio.pcm import Int16, to_float32, to_int16
from service.transcript import SAMPLE_RATE

# soxr HQ: its filters reach 12.5 ms (measured at 8 kHz, the longest) to either side of an output sample.
FILTER_REACH_S = 0.02
# A replay starts where an input sample falls on an output sample. All usual rates have such a place within
# this many samples (44.1 kHz: every 441). A rate like 47,999 Hz has not: there the replay lies up to a fraction
# of a sample beside the first run, which shifts nothing audible and changes no count.
PHASE_SEARCH = 2048


class Resampler:
    """Mono int16 at `sample_rate` Hz to mono int16 at 16 kHz; at 16 kHz the samples pass as they are.

    n inputs give round(n * 16000 / sample_rate) outputs in all, however they were cut into chunks.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._inputs = 0
        self._outputs = 0
        self._to_drop = 0
        self._replayed = np.zeros(0, dtype=np.int16)
        self._tail = np.zeros(0, dtype=np.int16)
        self._stream = None if sample_rate == SAMPLE_RATE else self._new_stream()

    def _new_stream(self) -> soxr.ResampleStream:
        return soxr.ResampleStream(self.sample_rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")

    def feed(self, samples: Int16) -> Int16:
        """The outputs that are certain after these inputs; the filter holds back 6 to 115 ms."""
        if self._stream is None:
            return samples
        self._inputs += len(samples)
        self._tail = np.concatenate([self._tail, samples])
        output = self._fresh(self._stream.resample_chunk(to_float32(samples)))
        self._outputs += len(output)
        self._tail = self._tail[max(self._earliest_replay() - self._tail_start, 0) :]
        return output

    def flush(self) -> Int16:
        """What the filter still holds. Nothing may be fed afterwards."""
        if self._stream is None:
            return np.zeros(0, dtype=np.int16)
        output = self._fresh(self._stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True))
        missing = round(self._inputs * SAMPLE_RATE / self.sample_rate) - self._outputs
        return np.pad(output[:missing], (0, missing - len(output[:missing])))

    def state(self) -> dict[str, Any]:
        if self._stream is None:
            return {}
        start = self._replay_start()
        tail = self._tail[start - self._tail_start :]
        return {"inputs": self._inputs, "outputs": self._outputs, "tail": tail.astype("<i2").tobytes()}

    def load(self, state: dict[str, Any]) -> None:
        """Take over `state()` of a resampler of the same rate. Only on a new one."""
        if self._stream is None:
            return
        self._inputs, self._outputs = state["inputs"], state["outputs"]
        self._tail = np.frombuffer(state["tail"], dtype="<i2").astype(np.int16)
        self._to_drop = self._outputs - round(self._tail_start * SAMPLE_RATE / self.sample_rate)
        # The replay's blocks lie elsewhere, so it may already give more than had been given: for the next feed.
        self._replayed = self._fresh(self._stream.resample_chunk(to_float32(self._tail)))

    @property
    def _tail_start(self) -> int:
        """Index of the input sample at the head of the tail."""
        return self._inputs - len(self._tail)

    def _latest_replay(self) -> int:
        """The last input sample whose replay still gives every output to come exactly."""
        reach = int(FILTER_REACH_S * self.sample_rate)
        return max(self._outputs * self.sample_rate // SAMPLE_RATE - reach, 0)

    def _earliest_replay(self) -> int:
        return max(self._latest_replay() - PHASE_SEARCH, 0)

    def _replay_start(self) -> int:
        """The input sample nearest to an output sample's place, among those that a replay may start at."""
        starts = np.arange(self._latest_replay(), self._earliest_replay() - 1, -1)
        phase = starts * SAMPLE_RATE % self.sample_rate
        return int(starts[np.argmin(np.minimum(phase, self.sample_rate - phase))])

    def _fresh(self, output: npt.NDArray[np.float32]) -> Int16:
        """What `output` adds to the outputs that were already given."""
        dropped = min(self._to_drop, len(output))
        self._to_drop -= dropped
        fresh = np.concatenate([self._replayed, to_int16(output[dropped:])])
        self._replayed = self._replayed[:0]
        return fresh
