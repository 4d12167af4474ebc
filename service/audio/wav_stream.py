"""A live RIFF/WAVE stream to mono int16: its header, read as it comes, then PCM.

Who writes WAV live does not know its size and puts 0, the largest number or a guess there. So the data go on behind
the end that the header gives unless a chunk or another header is found there.
"""

from typing import Any

from service.audio.codec import MAX_BYTES_WITHOUT_PACKET
from service.audio.demux.packet import bad_audio
from service.audio.pcm import MAX_CHANNELS, SAMPLE_BYTES, Int16, PcmStream

_HEADERS = (b"RIFF", b"RF64")
_HEADER_BYTES, _CHUNK_HEADER_BYTES = 12, 8
_EXTENSIBLE = 0xFFFE
_ENCODINGS = {  # by format tag and bits
    (1, 8): "pcm_u8",
    (1, 16): "pcm_s16le",
    (1, 24): "pcm_s24le",
    (1, 32): "pcm_s32le",
    (3, 32): "pcm_f32le",
    (6, 8): "alaw",
    (7, 8): "mulaw",
}
_MIN_FORMAT_BYTES, _MAX_FORMAT_BYTES = 16, 4096
_SUBFORMAT = slice(24, 26)  # of the extensible format: the plain tag, with which a GUID begins
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
# What may follow the data; any other four bytes there are samples, and the size was wrong.
_FOLLOWERS = {*_HEADERS, b"data", b"LIST", b"fact", b"id3 ", b"ID3 ", b"bext", b"iXML", b"cue ", b"JUNK", b"PAD "}
_HEADER, _CHUNK, _SKIPPED, _DATA, _END_OF_DATA = range(5)  # what comes next


class WavStream:
    """The bytes of a WAV stream, cut anywhere; another may follow it, as of a recorder that was restarted."""

    def __init__(self) -> None:
        self._buffer = b""
        self._next = _HEADER
        self._left: int | None = 0  # bytes to skip, or of the data; None: all that follow
        self._pad = 0  # bytes between the data and the next chunk
        self._pcm: PcmStream | None = None
        self._format: list[Any] = []  # encoding, sample rate in Hz, channels; empty while no fmt chunk has come
        self._without_audio = 0  # bytes

    def feed(self, data: bytes) -> list[tuple[int, Int16]]:
        """(sample rate in Hz, mono int16) of the frames that `data` completes. Raises BadAudio."""
        self._buffer += data
        pieces: list[tuple[int, Int16]] = []
        at = 0
        while (read := self._read(at, pieces)) is not None:
            at = read
        self._buffer = self._buffer[at:]
        self._without_audio = 0 if pieces or self._next == _DATA else self._without_audio + len(data)
        if self._without_audio > MAX_BYTES_WITHOUT_PACKET:
            raise bad_audio(f"no audio in {MAX_BYTES_WITHOUT_PACKET} bytes")
        return pieces

    def _read(self, at: int, pieces: list[tuple[int, Int16]]) -> int | None:
        """What comes next at `at`, as much of it as there is: the index behind it, or None when it is cut off."""
        if self._next == _HEADER:
            return self._read_header(at)
        if self._next == _CHUNK:
            return self._read_chunk(at)
        if self._next == _END_OF_DATA:
            return self._read_end_of_data(at)
        available = len(self._buffer) - at
        size = available if self._left is None else min(self._left, available)
        if self._next == _DATA and self._pcm:
            pieces += self._pcm.feed(self._buffer[at : at + size])
        if self._left is not None:
            self._left -= size
        if self._left == 0:
            self._next = _END_OF_DATA if self._next == _DATA else _CHUNK
        elif size == 0:
            return None
        return at + size

    def _read_header(self, at: int) -> int | None:
        header = self._buffer[at : at + _HEADER_BYTES]
        if not any(magic.startswith(header[:4]) for magic in _HEADERS) or not b"WAVE".startswith(header[8:]):
            raise bad_audio("the data is not WAV: it does not start with RIFF and WAVE")
        if len(header) < _HEADER_BYTES:
            return None
        self._next, self._format = _CHUNK, []
        return at + _HEADER_BYTES

    def _read_chunk(self, at: int) -> int | None:
        body = at + _CHUNK_HEADER_BYTES
        if len(self._buffer) < body:
            return None
        name, size = self._buffer[at : at + 4], int.from_bytes(self._buffer[at + 4 : body], "little")
        if name == b"data":
            self._begin_data(size)
            return body
        if name == b"fmt ":
            if not _MIN_FORMAT_BYTES <= size <= _MAX_FORMAT_BYTES:
                raise bad_audio(f"a WAV fmt chunk of {size} bytes")
            if len(self._buffer) < body + size:
                return None
            self._format = _read_format(self._buffer[body : body + size])
            self._next, self._left = _SKIPPED, size % 2
            return body + size
        self._next, self._left = _SKIPPED, size + size % 2
        return body

    def _begin_data(self, size: int) -> None:
        if not self._format:
            raise bad_audio("the WAV data comes before its fmt chunk")
        self._pcm = PcmStream(*self._format)
        self._next, self._left = _DATA, None if size in _UNKNOWN_SIZES else size
        self._pad = size % 2

    def _read_end_of_data(self, at: int) -> int | None:
        follower = self._buffer[at : at + self._pad + 4]
        if len(follower) < self._pad + 4:
            return None
        if follower[self._pad :] in _FOLLOWERS:
            self._next = _HEADER if follower[self._pad :] in _HEADERS else _CHUNK
            return at + self._pad
        self._next, self._left = _DATA, None
        return at

    def check_end(self) -> None:
        """Raises BadAudio when the stream ended before its data began."""
        if self._pcm is None:
            raise bad_audio("the WAV stream ended before its data began")

    def state(self) -> dict[str, Any]:
        return {
            "buffer": self._buffer,
            "next": [self._next, self._left, self._pad, self._without_audio],
            "format": self._format,
            "pcm": self._pcm.state() if self._pcm else None,
        }

    def load(self, state: dict[str, Any]) -> None:
        self._buffer, self._format = state["buffer"], state["format"]
        self._next, self._left, self._pad, self._without_audio = state["next"]
        if state["pcm"] is not None:
            self._pcm = PcmStream(*self._format)
            self._pcm.load(state["pcm"])


def _read_format(chunk: bytes) -> list[Any]:
    """Encoding, sample rate in Hz and channels that a fmt chunk tells. Raises BadAudio."""
    tag, channels, rate = (int.from_bytes(chunk[at : at + size], "little") for at, size in ((0, 2), (2, 2), (4, 4)))
    frame_bytes, bits = (int.from_bytes(chunk[at : at + 2], "little") for at in (12, 14))
    if tag == _EXTENSIBLE:
        tag = int.from_bytes(chunk[_SUBFORMAT], "little")
    encoding = _ENCODINGS.get((tag, bits))
    if encoding is None:
        raise bad_audio(f"WAV of format {tag} with {bits} bits is not streamed; send PCM, float, mu-law or A-law")
    if not 1 <= channels <= MAX_CHANNELS:
        raise bad_audio(f"WAV of {channels} channels; 1 to {MAX_CHANNELS} are supported")
    if frame_bytes != channels * SAMPLE_BYTES[encoding]:
        raise bad_audio(f"WAV of {channels} channels of {bits} bits in frames of {frame_bytes} bytes")
    return [encoding, rate, channels]
