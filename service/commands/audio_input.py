"""What `sotto stream` sends: a file decoded to 16 kHz, or standard input as it comes."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sotto_client import AudioFormat

from service.audio.container import read_file
from service.errors import BadAudio, UnsupportedMedia
from service.transcript import SAMPLE_RATE

CHUNK_S = 0.1
_LONGEST_FILE_S = 24 * 3600.0
_BYTES_PER_SAMPLE = {"pcm_s16le": 2, "pcm_f32le": 4, "mulaw": 1, "alaw": 1}
_WAV_ENCODINGS = {(1, 16): "pcm_s16le", (3, 32): "pcm_f32le", (6, 8): "alaw", (7, 8): "mulaw"}
_WAV_EXTENSIBLE = 0xFFFE
_UNKNOWN_LENGTH = 0x7FFF0000  # what arecord and ffmpeg write into a pipe is 0 or near a power of two


class Readable(Protocol):
    """A binary file, buffered or not; `read` may return less than asked for, nothing only at the end."""

    def read(self, size: int, /) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class AudioInput:
    """Audio of `format` in chunks of about `CHUNK_S` seconds. Iterating may block and may raise BadAudio."""

    format: AudioFormat
    chunks: Iterator[bytes]

    @property
    def bytes_per_second(self) -> int:
        return _bytes_per_second(self.format)


def file_input(path: Path) -> AudioInput:
    """Any file that the server's own decoder reads. Iterating raises OSError, BadAudio, UnsupportedMedia."""
    return AudioInput(AudioFormat("pcm_s16le", SAMPLE_RATE, 1), _file_chunks(path))


def stdin_input(source: Readable, raw_format: AudioFormat) -> AudioInput:
    """A WAV by its header, whose length may be unknown, else raw samples in `raw_format`.

    `source` is read as data comes. Raises BadAudio, UnsupportedMedia for a header that cannot be used.
    """
    head = _read_exactly(source, 12)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return AudioInput(raw_format, _chunks(source, head, _chunk_bytes(raw_format), limit=None))
    wav_format, length = _read_wav_header(source)
    return AudioInput(wav_format, _chunks(source, b"", _chunk_bytes(wav_format), limit=length))


def _file_chunks(path: Path) -> Iterator[bytes]:
    samples_per_chunk = round(CHUNK_S * SAMPLE_RATE)
    with path.open("rb") as source:
        for samples in read_file(source, max_seconds=_LONGEST_FILE_S, filename=path.name):
            for start in range(0, len(samples), samples_per_chunk):
                yield samples[start : start + samples_per_chunk].tobytes()


def _bytes_per_second(audio_format: AudioFormat) -> int:
    return audio_format.sample_rate * audio_format.channels * _BYTES_PER_SAMPLE[audio_format.encoding]


def _chunk_bytes(audio_format: AudioFormat) -> int:
    frame_bytes = audio_format.channels * _BYTES_PER_SAMPLE[audio_format.encoding]
    return max(1, round(audio_format.sample_rate * CHUNK_S)) * frame_bytes


def _chunks(source: Readable, head: bytes, chunk_bytes: int, *, limit: int | None) -> Iterator[bytes]:
    if head:
        yield head
    left = limit
    while left is None or left > 0:
        chunk = source.read(chunk_bytes if left is None else min(chunk_bytes, left))
        if not chunk:
            return
        yield chunk
        left = None if left is None else left - len(chunk)


def _read_wav_header(source: Readable) -> tuple[AudioFormat, int | None]:
    """Reads up to the first sample: the format and the bytes of audio, None when the header does not know."""
    audio_format: AudioFormat | None = None
    while True:
        head = _read_exactly(source, 8)
        if len(head) < 8:
            raise BadAudio("the WAV on standard input ends before its data")
        name, size = struct.unpack("<4sI", head)
        if name == b"data":
            if audio_format is None:
                raise BadAudio("the WAV on standard input does not say its format")
            return audio_format, size if 0 < size < _UNKNOWN_LENGTH else None
        body = _read_exactly(source, size + size % 2)
        if name == b"fmt ":
            audio_format = _wav_format(body)


def _wav_format(body: bytes) -> AudioFormat:
    if len(body) < 16:
        raise BadAudio("the WAV on standard input has a broken format chunk")
    tag, channels, sample_rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
    if tag == _WAV_EXTENSIBLE and len(body) >= 26:
        (tag,) = struct.unpack("<H", body[24:26])
    encoding = _WAV_ENCODINGS.get((tag, bits))
    if encoding is None:
        raise UnsupportedMedia(f"WAV with {bits}-bit samples of kind {tag} is not supported; record with -f S16_LE")
    return AudioFormat(encoding, sample_rate, channels)


def _read_exactly(source: Readable, size: int) -> bytes:
    """`size` bytes, fewer only at the end."""
    data = b""
    while len(data) < size:
        more = source.read(size - len(data))
        if not more:
            break
        data += more
    return data
