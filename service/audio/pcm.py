"""Uncompressed telephone and microphone encodings to mono int16, whole or as a byte stream."""

from typing import Any

import numpy as np
import numpy.typing as npt

Int16 = npt.NDArray[np.int16]
Float32 = npt.NDArray[np.float32]

RAW_ENCODINGS = ("pcm_s16le", "pcm_f32le", "mulaw", "alaw")  # that a client may send bare
SAMPLE_BYTES = {"pcm_s16le": 2, "pcm_f32le": 4, "mulaw": 1, "alaw": 1, "pcm_u8": 1, "pcm_s24le": 3, "pcm_s32le": 4}
MAX_CHANNELS = 8


def _mulaw_table() -> Int16:
    """ITU-T G.711 mu-law: code 0..255 to linear int16."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_table() -> Int16:
    """ITU-T G.711 A-law: code 0..255 to linear int16."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent = (code & 0x70) >> 4
    mantissa = ((code & 0x0F) << 4) + 8
    magnitude = np.where(exponent == 0, mantissa, mantissa + 0x100 << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _u8_table() -> Int16:
    return (np.arange(256, dtype=np.int32) - 128 << 8).astype(np.int16)


_TABLES = {"mulaw": _mulaw_table(), "alaw": _alaw_table(), "pcm_u8": _u8_table()}


def to_int16(samples: Float32) -> Int16:
    """Float samples, any shape, nominal range -1..1, to int16.

    What lies outside the range is clipped, infinities too. NaN becomes silence: one bad sample of a
    client's signal processing should cost a click, not the session.
    """
    inside = np.clip(np.nan_to_num(samples, nan=0.0), np.float32(-1.0), np.float32(1.0))
    scaled: Float32 = np.minimum(np.rint(inside * np.float32(32768.0)), np.float32(32767.0))
    return scaled.astype(np.int16)


def to_float32(samples: Int16) -> Float32:
    """int16 samples, any shape, to float32 in -1..1."""
    return samples.astype(np.float32) / np.float32(32768.0)


def _samples(data: bytes, encoding: str) -> Int16:
    if encoding == "pcm_s16le":  # nearly all streams
        return np.frombuffer(data, dtype="<i2").astype(np.int16)
    size = SAMPLE_BYTES[encoding]
    if encoding == "pcm_f32le":
        return to_int16(np.frombuffer(data, dtype="<f4").astype(np.float32))
    if size == 1:
        return _TABLES[encoding][np.frombuffer(data, dtype=np.uint8)]
    # The upper two bytes of a longer integer are its 16-bit value.
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, size)[:, -2:].copy().view("<i2").reshape(-1).astype(np.int16)


def decode(data: bytes, encoding: str, channels: int = 1) -> Int16:
    """Whole interleaved frames of `encoding` (a key of SAMPLE_BYTES) to mono int16, shape (frames,).

    Channels are mixed by their mean. `len(data)` must be a multiple of SAMPLE_BYTES[encoding] * channels.
    """
    samples = _samples(data, encoding)
    if channels == 1:
        return samples
    # A product with a vector is several times faster than mean() over an axis of two.
    weights = np.full(channels, 1 / channels, dtype=np.float32)
    mixed: Float32 = np.rint(samples.reshape(-1, channels).astype(np.float32) @ weights)
    return mixed.astype(np.int16)


class PcmStream:
    """A PCM byte stream that may be cut anywhere, inside a sample too. Its state is the cut-off frame."""

    def __init__(self, encoding: str, sample_rate: int, channels: int) -> None:
        self._encoding = encoding
        self._sample_rate = sample_rate
        self._channels = channels
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, Int16]]:
        """(sample rate in Hz, mono int16) for the frames that `data` completes."""
        data = self._rest + data
        whole = len(data) - len(data) % (SAMPLE_BYTES[self._encoding] * self._channels)
        self._rest = data[whole:]
        return [(self._sample_rate, decode(data[:whole], self._encoding, self._channels))] if whole else []

    def check_end(self) -> None:
        """Any PCM stream may end; a frame that was cut off is dropped."""

    def state(self) -> dict[str, Any]:
        return {"rest": self._rest} if self._rest else {}

    def load(self, state: dict[str, Any]) -> None:
        self._rest = state.get("rest", b"")
