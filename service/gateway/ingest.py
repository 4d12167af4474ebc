"""From a client's bytes to PCM and the endpointer's marks, with a snapshot another gateway can go on from."""

from dataclasses import dataclass

import msgpack
import numpy as np
import numpy.typing as npt

from service.audio.endpointer import Endpointer, EndpointerOptions, Mark
from service.audio.stream_decoder import StreamDecoder, StreamFormat
from service.gateway.hearing import Hearing

Pcm = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Ingested:
    """int16 [n] mono samples at 16 kHz and what the endpointer found at their arrival."""

    pcm: Pcm
    marks: tuple[Mark, ...]


class Ingest:
    """Decoder and endpointer of one stream. `bytes_fed` counts the client's bytes."""

    def __init__(self, hearing: Hearing, fmt: StreamFormat, endpointing: EndpointerOptions) -> None:
        self._hearing = hearing
        self._decoder = StreamDecoder(fmt)
        self.endpointer = Endpointer(hearing.vad, endpointing)
        self.bytes_fed = 0

    @classmethod
    def restore(
        cls, hearing: Hearing, fmt: StreamFormat, endpointing: EndpointerOptions, snapshot: bytes, bytes_fed: int
    ) -> "Ingest":
        """An ingest that goes on after byte `bytes_fed`, as the one that took the snapshot would have."""
        ingest = cls(hearing, fmt, endpointing)
        if snapshot:
            decoder, endpointer = msgpack.unpackb(snapshot)
            ingest._decoder = StreamDecoder.restore(fmt, decoder)
            ingest.endpointer = Endpointer.restore(hearing.vad, endpointing, endpointer)
        ingest.bytes_fed = bytes_fed
        return ingest

    def snapshot(self) -> bytes:
        packed: bytes = msgpack.packb([self._decoder.snapshot(), self.endpointer.snapshot()])
        return packed

    async def feed(self, data: bytes) -> Ingested:
        """Decodes and listens. Raises BadAudio. One that is cancelled leaves what cannot be gone on with."""
        pcm = self._decoder.feed(data)
        marks = await self._hearing.listen(self.endpointer, pcm)
        self.bytes_fed += len(data)
        return Ingested(pcm, tuple(marks))

    def flush(self) -> Ingested:
        """Closes the open utterance; the stream goes on."""
        return Ingested(np.zeros(0, np.int16), tuple(self.endpointer.flush()))

    def finish(self) -> Ingested:
        """Takes what the decoder still holds and closes the open utterance."""
        pcm = self._decoder.flush()
        return Ingested(pcm, (*self.endpointer.feed(pcm), *self.endpointer.flush()))
