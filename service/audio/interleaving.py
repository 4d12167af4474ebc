"""The channels of raw PCM apart."""

import numpy as np

from service.audio.pcm import SAMPLE_BYTES


class Deinterleaver:
    """Interleaved PCM of `encoding` (a key of SAMPLE_BYTES), cut anywhere, to one stream of it per channel."""

    def __init__(self, encoding: str, channels: int) -> None:
        self._shape = (-1, channels, SAMPLE_BYTES[encoding])
        self._frame_bytes = channels * SAMPLE_BYTES[encoding]
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """For each channel, its samples in the frames that `data` completes, as bytes of the same encoding."""
        data = self._rest + data
        whole = len(data) - len(data) % self._frame_bytes
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], dtype=np.uint8).reshape(self._shape)
        return [samples[:, channel].tobytes() for channel in range(self._shape[1])]
