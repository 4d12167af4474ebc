"""Silero VAD v6, streaming: how likely each 32 ms frame is speech.

Source: https://github.com/snakers4/silero-vad (MIT), in a form that `tools/vad_model.py` makes of the one that the
faster-whisper package ships. It takes consecutive frames of many streams in one call, each led by the last 64 samples
of the frame before it, and carries the streams' LSTM states in and out, so a stream may be cut anywhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnxruntime

from service.errors import ModelUnavailable

FRAME = 512  # samples per probability: 32 ms at 16 kHz
_CONTEXT = 64  # samples of the frame before, which lead each frame
_HIDDEN = 128  # units of the LSTM
_FRAMES_PER_CALL = 128  # of all streams together: larger calls are no faster and cost memory

Pcm = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]


def _no_samples() -> Pcm:
    return np.zeros(0, np.int16)


def _rest() -> Floats:
    return np.zeros((1, 1, _HIDDEN), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class VadState:
    """Where one stream stands between two feeds; the default is the start of a stream.

    `hidden`, `cell`: float32 [1, 1, 128]. `context`: the last 64 samples before `leftover`, int16.
    `leftover`: fewer than 512 samples that do not fill a frame yet, int16.
    """

    hidden: Floats = field(default_factory=_rest)
    cell: Floats = field(default_factory=_rest)
    context: Pcm = field(default_factory=lambda: np.zeros(_CONTEXT, np.int16))
    leftover: Pcm = field(default_factory=_no_samples)

    def pack(self) -> list[bytes]:
        """The state as little-endian bytes, exact, about 1.2 to 2.2 KB."""
        return [
            self.hidden.astype("<f4").tobytes(),
            self.cell.astype("<f4").tobytes(),
            self.context.astype("<i2").tobytes(),
            self.leftover.astype("<i2").tobytes(),
        ]

    @classmethod
    def unpack(cls, packed: list[bytes]) -> "VadState":
        hidden, cell, context, leftover = packed
        return cls(
            hidden=np.frombuffer(hidden, "<f4").astype(np.float32).reshape(1, 1, _HIDDEN),
            cell=np.frombuffer(cell, "<f4").astype(np.float32).reshape(1, 1, _HIDDEN),
            context=np.frombuffer(context, "<i2").astype(np.int16),
            leftover=np.frombuffer(leftover, "<i2").astype(np.int16),
        )


class SileroVad:
    """The model, shared by all streams and threads of a process; what differs by stream is in `VadState`.

    Raises ModelUnavailable when the model's file is missing or cannot be loaded.
    """

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = 1
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # no faster with it, and it never gives memory back
        try:
            self._session: Any = onnxruntime.InferenceSession(
                _model_file().read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors share no narrower class
            raise ModelUnavailable(f"the Silero VAD model cannot be loaded: {error}") from error

    def feed(self, state: VadState, pcm: Pcm) -> tuple[Floats, VadState]:
        """Probabilities of speech, float32 [frames], of the frames that `pcm` completes, and the state after them.

        `pcm`: int16 [samples], 16 kHz mono, any length. How the same audio is split makes no difference.
        """
        return self.feed_all([(state, pcm)])[0]

    def feed_all(self, fed: Sequence[tuple[VadState, Pcm]]) -> list[tuple[Floats, VadState]]:
        """The same of many streams. Those that complete the same number of frames share a call, in which a frame costs
        half of what it costs alone."""
        heard = [_Heard(state, pcm) for state, pcm in fed]
        for frames in {each.frames for each in heard} - {0}:
            alike = [each for each in heard if each.frames == frames]
            for few in _parts(alike, max(1, _FRAMES_PER_CALL // frames)):
                self._hear(few, frames)
        return [each.result() for each in heard]

    def _hear(self, streams: "Sequence[_Heard]", frames: int) -> None:
        hidden = np.concatenate([each.hidden for each in streams], axis=1)
        cell = np.concatenate([each.cell for each in streams], axis=1)
        for first in range(0, frames, _FRAMES_PER_CALL):
            last = min(frames, first + _FRAMES_PER_CALL)
            samples = np.stack([each.samples[first * FRAME : last * FRAME + _CONTEXT] for each in streams])
            scaled = samples.astype(np.float32) / 32768
            windows = np.lib.stride_tricks.sliding_window_view(scaled, _CONTEXT + FRAME, axis=1)[:, ::FRAME]
            inputs = {"frames": np.ascontiguousarray(windows.swapaxes(0, 1)), "h": hidden, "c": cell}
            output, hidden, cell = cast("tuple[Floats, Floats, Floats]", self._session.run(None, inputs))
            for index, each in enumerate(streams):
                each.probabilities.append(output[:, index])
        for index, each in enumerate(streams):
            each.hidden, each.cell = hidden[:, [index]], cell[:, [index]]


class _Heard:
    """One stream's part of a call."""

    def __init__(self, state: VadState, pcm: Pcm) -> None:
        self.samples = np.concatenate((state.context, state.leftover, pcm))
        self.frames = (len(self.samples) - _CONTEXT) // FRAME
        self.hidden, self.cell = state.hidden, state.cell
        self.probabilities: list[Floats] = []

    def result(self) -> tuple[Floats, VadState]:
        used = self.frames * FRAME
        context, leftover = self.samples[used : used + _CONTEXT], self.samples[used + _CONTEXT :]
        # copies: views would keep a whole upload alive
        after = VadState(self.hidden, self.cell, context.copy(), leftover.copy())
        return np.concatenate(self.probabilities or [np.zeros(0, np.float32)]), after


def _parts(streams: "Sequence[_Heard]", size: int) -> "Iterator[Sequence[_Heard]]":
    return (streams[at : at + size] for at in range(0, len(streams), size))


def _model_file() -> Path:
    return Path(__file__).with_name("silero_vad_v6.onnx")
