"""The bytes of a live stream, in any supported encoding, to 16 kHz mono; resumable in another process.

    bytes ─▶ PcmStream, WavStream, FlacStream or PacketStream ─▶ (rate, mono int16) ─▶ Resampler ─▶ 16 kHz mono int16

A snapshot holds the state of these: the bytes of a cut-off frame or packet, the last packets and the last
samples, from which decoder and resampler are warmed up again. Counts make the samples fit exactly.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any, Protocol

import msgpack
import numpy as np

from service.audio.codec import PACKET_ENCODINGS, PacketStream
from service.audio.demux import AdtsDemuxer, Mp3Demuxer
from service.audio.demux.packet import bad_audio
from service.audio.flac_stream import FlacStream
from service.audio.pcm import MAX_CHANNELS, RAW_ENCODINGS, Int16, PcmStream
from service.audio.resample import HIGHEST_RATE, LOWEST_RATE, Resampler
from service.audio.wav_stream import WavStream
from service.errors import BadRequest

ENCODINGS = (*RAW_ENCODINGS, *PACKET_ENCODINGS, "flac", "wav")
MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 8_000, 48_000
SNIFFED_BYTES = 64
MAX_S_PER_KIB = 60  # no codec needs so little for a second, not even of silence: what does is a bomb
_SNIFFED = (  # what a stream begins with; what it has where; its encoding
    (b"RIFF", 8, b"WAVE", "wav"),
    (b"RF64", 8, b"WAVE", "wav"),
    (b"fLaC", 4, b"", "flac"),
    (b"OggS", 28, b"OpusHead", "ogg_opus"),
    (b"\x1a\x45\xdf\xa3", 4, b"", "webm_opus"),
    (b"ID3", 3, b"", "mp3"),
)


def sniff(head: bytes) -> str | None:
    """The encoding (of ENCODINGS) of the stream that begins with `head`, None while that is too short to tell.

    SNIFFED_BYTES are enough. Raises BadAudio (field "audio") for what is no container that is streamed.
    """
    for magic, at, mark, encoding in _SNIFFED:
        if magic.startswith(head[: len(magic)]) and mark.startswith(head[at : at + len(mark)]):
            return encoding if len(head) >= at + len(mark) else None
    if head[0] == 0xFF and len(head) < AdtsDemuxer.header_bytes:
        return None
    header = head.ljust(AdtsDemuxer.header_bytes, b"\0")
    if AdtsDemuxer().frame_bytes(header):
        return "aac_adts"
    if Mp3Demuxer().frame_bytes(header):
        return "mp3"
    raise bad_audio(
        "the audio is in no container that is streamed: WAV, FLAC, Ogg or WebM with Opus, AAC with ADTS, or MP3"
    )


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What the client says that it sends. Raises BadRequest with the field at fault.

    `sample_rate` in Hz and `channels` count for bare PCM; all other streams carry their own.
    """

    encoding: str = "pcm_s16le"
    sample_rate: int = 16000
    channels: int = 1

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            raise BadRequest(f"encoding must be one of {', '.join(ENCODINGS)}", field="format.encoding")
        if not MIN_SAMPLE_RATE <= self.sample_rate <= MAX_SAMPLE_RATE:
            raise BadRequest(
                f"sample_rate must be {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz", field="format.sample_rate"
            )
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise BadRequest(f"channels must be 1 to {MAX_CHANNELS}", field="format.channels")


class Source(Protocol):
    """Bytes cut anywhere to pieces of (sample rate in Hz, mono int16)."""

    def feed(self, data: bytes) -> list[tuple[int, Int16]]: ...
    def check_end(self) -> None: ...
    def state(self) -> dict[str, Any]: ...
    def load(self, state: dict[str, Any]) -> None: ...


def _source(fmt: StreamFormat) -> Source:
    if fmt.encoding in PACKET_ENCODINGS:
        return PacketStream(fmt.encoding)
    if fmt.encoding == "flac":
        return FlacStream()
    if fmt.encoding == "wav":
        return WavStream()
    return PcmStream(fmt.encoding, fmt.sample_rate, fmt.channels)


class StreamDecoder:
    """One stream. After an error it is of no further use."""

    def __init__(self, fmt: StreamFormat) -> None:
        self._source = _source(fmt)
        self._resampler: Resampler | None = None  # made when the rate is known

    def feed(self, data: bytes) -> Int16:
        """The samples, 16 kHz mono int16, shape (n,), n >= 0, that `data` completes.

        With encoding "opus" each call takes one packet; all others may be cut at any byte. At other rates than 16 kHz
        the last 4 ms are held back: what ends at a client's flush lacks them, they lead what is fed next. Raises
        BadAudio (field "audio") for data that is not of the stream's format.
        """
        pieces = self._source.feed(data)
        if sum(len(samples) / rate for rate, samples in pieces if rate) > MAX_S_PER_KIB * ceil(len(data) / 1024):
            raise bad_audio(f"more than {MAX_S_PER_KIB} s of audio in a KiB")
        return _join([part for rate, samples in pieces for part in self._resample(rate, samples)])

    def _resample(self, rate: int, samples: Int16) -> list[Int16]:
        """Usually one part; when the stream changes its rate, first the rest of the old one."""
        parts = []
        if not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise bad_audio(f"a sample rate of {rate} Hz is not supported")
        if self._resampler is None or self._resampler.sample_rate != rate:
            if self._resampler is not None:
                parts.append(self._resampler.flush())
            self._resampler = Resampler(rate)
        return [*parts, self._resampler.feed(samples)]

    def flush(self) -> Int16:
        """The end of the stream: what the resampler still holds. Nothing may be fed afterwards.

        A frame or packet that was cut off is dropped. Raises BadAudio when the data ended before the header
        that would have made it audio.
        """
        self._source.check_end()
        return _join([self._resampler.flush()] if self._resampler else [])

    def snapshot(self) -> bytes:
        """Everything needed to go on in another process after the last byte fed; below 32 KiB at rates up to 96 kHz."""
        resampler = [self._resampler.sample_rate, self._resampler.state()] if self._resampler else None
        packed: bytes = msgpack.packb([self._source.state(), resampler])
        return packed

    @classmethod
    def restore(cls, fmt: StreamFormat, snapshot: bytes) -> "StreamDecoder":
        """The decoder that `snapshot()` of one with the same format described."""
        decoder = cls(fmt)
        source, resampler = msgpack.unpackb(snapshot, strict_map_key=False)
        decoder._source.load(source)
        if resampler:
            rate, state = resampler
            decoder._resampler = Resampler(rate)
            decoder._resampler.load(state)
        return decoder


def _join(parts: list[Int16]) -> Int16:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int16)
