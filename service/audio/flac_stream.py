"""A live FLAC stream (RFC 9639) to mono int16.

A frame depends on no other one, so the state is the header (STREAMINFO) and the bytes of the frame that is cut off.
"""

import re
from typing import Any

import av

from service.audio.codec import MAX_BYTES_WITHOUT_PACKET, MonoMixer
from service.audio.demux.flac import MARKER, SYNC, Metadata, crc16, frame_header
from service.audio.demux.packet import bad_audio
from service.audio.pcm import Int16

# Room in a snapshot of 32 KiB for the largest frame of 48 kHz, two channels and 24 bit, which has 4,608 samples.
MAX_FRAME_BYTES = 28 * 1024
SEARCH_LIMIT_BYTES = 65_536
_START = re.compile(SYNC.pattern + b"|" + MARKER)
_MIN_FRAME_BYTES = 10
# Bytes pass for a header by chance, once in some hundred frames; so often in one frame it is damage.
_MAX_FALSE_HEADERS = 3


class FlacStream:
    """The bytes of a FLAC stream, cut anywhere; another may follow it, as of a recorder that was restarted.

    A frame is given out as soon as its last byte is there. Damaged ones are left out.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._metadata = Metadata()
        self._at = 0  # where the current frame, or what is left of the metadata, begins; 0 between two feeds
        self._searched = 0  # up to where the next frame was looked for
        self._false_headers = 0  # in the current frame
        self._without_frame = 0  # bytes
        self._decoder: av.AudioCodecContext | None = None
        self._mixer = MonoMixer()

    def feed(self, data: bytes) -> list[tuple[int, Int16]]:
        """(sample rate in Hz, mono int16) of the frames that `data` completes. Raises BadAudio."""
        parts = (data[at : at + MAX_FRAME_BYTES] for at in range(0, len(data), MAX_FRAME_BYTES))
        return [piece for part in parts for piece in self._feed(part)]

    def _feed(self, data: bytes) -> list[tuple[int, Int16]]:
        self._buffer += data
        self._without_frame += len(data)
        pieces: list[tuple[int, Int16]] = []
        while self._read_metadata() and (end := self._next_start()) is not None:
            pieces += self._end_frame(end)
        if self._metadata.complete:
            pieces += self._take_frame(len(self._buffer))
        self._check_progress()
        self._buffer = self._buffer[self._at :]
        self._searched, self._at = self._searched - self._at, 0
        return pieces

    def _read_metadata(self) -> bool:
        """Whether a frame has begun. Raises BadAudio."""
        if self._metadata.complete and not self._buffer.startswith(MARKER, self._at):
            return True
        if self._metadata.complete:
            self._metadata, self._decoder = Metadata(), None
        self._begin(self._metadata.read(self._buffer, self._at))
        if not self._metadata.complete:
            return False
        self._without_frame = len(self._buffer) - self._at
        return True

    def _begin(self, at: int) -> None:
        self._at = self._searched = at
        self._false_headers = 0

    def _next_start(self) -> int | None:
        """Where behind the start of the current frame another or a new stream may begin; None while nowhere."""
        for found in _START.finditer(self._buffer, max(self._searched, self._at + 1)):
            length = len(MARKER) if found[0] == MARKER else frame_header(self._buffer, found.start())
            if length is None:
                self._searched = found.start()
                return None
            if length:
                self._searched = found.end()
                return found.start()
        self._searched = max(self._searched, len(self._buffer) - len(MARKER) + 1)
        return None

    def _end_frame(self, end: int) -> list[tuple[int, Int16]]:
        """The current frame if it ends there; else that place is in it by chance, or the frame is damaged."""
        pieces = self._take_frame(end)
        if not pieces:
            self._false_headers += 1
            if self._false_headers == _MAX_FALSE_HEADERS or not SYNC.match(self._buffer, self._at):
                self._begin(end)
        return pieces

    def _take_frame(self, end: int) -> list[tuple[int, Int16]]:
        frame = self._buffer[self._at : end]
        if len(frame) < _MIN_FRAME_BYTES or crc16(frame) != 0:
            return []
        try:
            decoded = self._opened_decoder().decode(av.Packet(frame))
        except (av.error.FFmpegError, EOFError):
            return []  # its checksum is right by chance
        self._begin(end)
        self._without_frame = 0
        return [(frame.sample_rate, self._mixer.mix(frame)) for frame in decoded]

    def _opened_decoder(self) -> av.AudioCodecContext:
        if self._decoder is None:
            decoder = av.CodecContext.create("flac", "r")
            assert isinstance(decoder, av.AudioCodecContext)
            decoder.extradata = self._metadata.info
            self._decoder = decoder
        return self._decoder

    def _check_progress(self) -> None:
        """Bounds what is kept and what is skipped. Raises BadAudio."""
        limit = SEARCH_LIMIT_BYTES if self._metadata.complete else MAX_BYTES_WITHOUT_PACKET
        if self._without_frame > limit:
            raise bad_audio(f"no FLAC frame of up to {MAX_FRAME_BYTES} bytes in {limit} bytes")
        if len(self._buffer) - self._at > MAX_FRAME_BYTES:
            self._begin(self._searched)

    def check_end(self) -> None:
        """Raises BadAudio when the stream ended before its first frame could begin."""
        if not self._metadata.complete:
            raise bad_audio("the FLAC stream ended before its header was complete")

    def state(self) -> dict[str, Any]:
        return {
            "buffer": self._buffer,
            "metadata": self._metadata.state(),
            "search": [self._searched, self._false_headers, self._without_frame],
        }

    def load(self, state: dict[str, Any]) -> None:
        self._buffer = state["buffer"]
        self._metadata.load(state["metadata"])
        self._searched, self._false_headers, self._without_frame = state["search"]
