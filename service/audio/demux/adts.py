"""AAC in ADTS frames (ISO/IEC 13818-7, 1.A.2).

The bytes before the first frame (an ID3 tag, the rest of a frame) and rubbish between frames are skipped, up
to a limit. The sync word alone occurs by chance, so a frame found by search counts only when a like one follows.
"""

from typing import Any

from service.audio.demux.packet import CodecConfig, Packet, bad_audio

SEARCH_LIMIT_BYTES = 65_536
HEADER_BYTES = 7
_SAMPLE_RATES = 13  # indices 0..12 of the frequency table are in use
_CONFIG = CodecConfig("aac")


def frame_bytes(header: bytes) -> int:
    """Length of the frame that starts with this 7-byte header, itself included; 0 when it is no ADTS header."""
    synced = header[0] == 0xFF and header[1] & 0xF6 == 0xF0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    valid = synced and (header[2] >> 2 & 0xF) < _SAMPLE_RATES and length > HEADER_BYTES
    return length if valid else 0


def _same_stream(header: bytes, other: bytes) -> bool:
    """Version, profile, sample rate and channels are equal in all frames of a stream."""
    return header[:2] == other[:2] and header[2] & 0xFD == other[2] & 0xFD and header[3] & 0xC0 == other[3] & 0xC0


class AdtsDemuxer:
    def __init__(self) -> None:
        self._buffer = b""
        self._synced = False
        self._skipped = 0  # bytes since the last frame

    def feed(self, data: bytes) -> list[Packet]:
        self._buffer += data
        packets: list[Packet] = []
        at = 0
        while len(self._buffer) - at >= HEADER_BYTES:
            length = frame_bytes(self._buffer[at : at + HEADER_BYTES])
            following = at + length
            if length and not self._synced:
                if len(self._buffer) < following + HEADER_BYTES:
                    break
                self._synced = self._frame_follows(at, following)
            if not length or not self._synced:
                at = self._skip(at)
                continue
            if len(self._buffer) < following:
                break
            packets.append(Packet(self._buffer[at:following], _CONFIG))
            self._skipped = 0
            at = following
        self._buffer = self._buffer[at:]
        return packets

    def _frame_follows(self, at: int, following: int) -> bool:
        other = self._buffer[following : following + HEADER_BYTES]
        return frame_bytes(other) > 0 and _same_stream(self._buffer[at : at + HEADER_BYTES], other)

    def _skip(self, at: int) -> int:
        """To the next byte that may start a frame."""
        self._synced = False
        found = self._buffer.find(b"\xff", at + 1)
        following = found if found >= 0 else len(self._buffer)
        self._skipped += following - at
        if self._skipped > SEARCH_LIMIT_BYTES:
            raise bad_audio(f"no ADTS frame within {SEARCH_LIMIT_BYTES} bytes")
        return following

    def check_end(self) -> None:
        if self._buffer and not self._synced:
            raise bad_audio("the stream ended before its first two ADTS frames")

    def state(self) -> dict[str, Any]:
        return {"buffer": self._buffer, "synced": self._synced, "skipped": self._skipped}

    def load(self, state: dict[str, Any]) -> None:
        self._buffer, self._synced, self._skipped = state["buffer"], state["synced"], state["skipped"]
