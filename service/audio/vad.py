"""Silero VAD v6, streaming: how likely each 32 ms frame is speech.

Source: https://github.com/snakers4/silero-vad (MIT), in the ONNX form that the faster-whisper package ships. That form
takes many consecutive frames in one call, each led by the last 64 samples of the frame before it, and carries its LSTM
state in and out, so a stream may be cut anywhere.
"""

import importlib.util
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
_FRAMES_PER_CALL = 128  # 4 s: longer calls are no faster and cost memory

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
        samples = np.concatenate((state.context, state.leftover, pcm))
        frames = (len(samples) - _CONTEXT) // FRAME
        used = frames * FRAME
        hidden, cell = state.hidden, state.cell
        probabilities = np.empty(frames, np.float32)
        for first in range(0, frames, _FRAMES_PER_CALL):
            last = min(frames, first + _FRAMES_PER_CALL)
            scaled = samples[first * FRAME : last * FRAME + _CONTEXT].astype(np.float32) / 32768
            windows = np.lib.stride_tricks.sliding_window_view(scaled, _CONTEXT + FRAME)[::FRAME]
            inputs = {"input": np.ascontiguousarray(windows), "h": hidden, "c": cell}
            output, hidden, cell = cast("tuple[Floats, Floats, Floats]", self._session.run(None, inputs))
            probabilities[first:last] = output.reshape(-1)
        # copies: a view would keep a whole upload alive
        after = VadState(hidden, cell, samples[used : used + _CONTEXT].copy(), samples[used + _CONTEXT :].copy())
        return probabilities, after


def _model_file() -> Path:
    # found, not imported: importing faster_whisper would load CTranslate2 into every gateway
    package = importlib.util.find_spec("faster_whisper")
    if package is None or not package.submodule_search_locations:
        raise ModelUnavailable("the package faster-whisper, which carries the Silero VAD model, is not installed")
    return Path(package.submodule_search_locations[0]) / "assets" / "silero_vad_v6.onnx"
