"""Streams of frames that each begin with a sync word and tell their length: what ADTS and MP3 have in common.

The bytes before the first frame (an ID3 tag, the rest of a frame) and rubbish between frames are skipped, up
to a limit. The sync word alone occurs by chance, so a frame found by search counts only when a like one follows.
"""

from abc import ABC, abstractmethod
from typing import Any

from service.audio.demux.packet import CodecConfig, Packet, bad_audio

SEARCH_LIMIT_BYTES = 65_536


class FrameDemuxer(ABC):
    """`kind` is what messages call the frames, `header_bytes` how much of one tells its length."""

    kind: str
    header_bytes: int
    config: CodecConfig

    @abstractmethod
    def frame_bytes(self, header: bytes) -> int:
        """Length of the frame that starts with this header, itself included; 0 when it is no header."""

    @abstractmethod
    def same_stream(self, header: bytes, other: bytes) -> bool:
        """Whether two headers agree in what is equal in all frames of a stream."""

    def __init__(self) -> None:
        self._buffer = b""
        self._synced = False
        self._skipped = 0  # bytes since the last frame

    def feed(self, data: bytes) -> list[Packet]:
        self._buffer += data
        packets: list[Packet] = []
        at = 0
        while len(self._buffer) - at >= self.header_bytes:
            length = self.frame_bytes(self._buffer[at : at + self.header_bytes])
            following = at + length
            if length and not self._synced:
                if len(self._buffer) < following + self.header_bytes:
                    break
                self._synced = self._frame_follows(at, following)
            if not length or not self._synced:
                at = self._skip(at)
                continue
            if len(self._buffer) < following:
                break
            packets.append(Packet(self._buffer[at:following], self.config))
            self._skipped = 0
            at = following
        self._buffer = self._buffer[at:]
        return packets

    def _frame_follows(self, at: int, following: int) -> bool:
        other = self._buffer[following : following + self.header_bytes]
        return self.frame_bytes(other) > 0 and self.same_stream(self._buffer[at : at + self.header_bytes], other)

    def _skip(self, at: int) -> int:
        """To the next byte that may start a frame."""
        self._synced = False
        found = self._buffer.find(b"\xff", at + 1)
        following = found if found >= 0 else len(self._buffer)
        self._skipped += following - at
        if self._skipped > SEARCH_LIMIT_BYTES:
            raise bad_audio(f"no {self.kind} frame within {SEARCH_LIMIT_BYTES} bytes")
        return following

    def check_end(self) -> None:
        if self._buffer and not self._synced:
            raise bad_audio(f"the stream ended before its first two {self.kind} frames")

    def state(self) -> dict[str, Any]:
        return {"buffer": self._buffer, "synced": self._synced, "skipped": self._skipped}

    def load(self, state: dict[str, Any]) -> None:
        self._buffer, self._synced, self._skipped = state["buffer"], state["synced"], state["skipped"]
