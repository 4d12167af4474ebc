"""Ogg pages (RFC 3533) that carry Opus (RFC 7845).

Packets are given out segment by segment, without waiting for the end of their page: a page often holds a
second of speech. Checksums are not verified: the transport already is reliable. The end trim of the last page
(at most one packet) is not applied. Streams of other codecs beside the Opus one are ignored, chained streams
are followed.
"""

from typing import Any

from service.audio.demux.packet import (
    MAX_PACKET_BYTES,
    CodecConfig,
    Packet,
    bad_audio,
    opus_config,
    pack_config,
    unpack_config,
)

_PAGE_HEADER_BYTES = 27
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_HEADER_PACKETS = 2  # OpusHead, OpusTags


class OggDemuxer:
    def __init__(self) -> None:
        self._buffer = b""
        self._config: CodecConfig | None = None
        self._serial = -1  # of the Opus stream that is being read; -1: none yet, or it has ended
        self._page_serial = -1
        self._page_flags = 0
        self._lacing = b""  # of the current page, what is still to come
        self._partial = b""  # the packet whose end is still to come
        self._discard = False  # the current packet is not wanted, only its end
        self._packets_seen = 0

    def feed(self, data: bytes) -> list[Packet]:
        self._buffer += data
        packets: list[Packet] = []
        at = 0
        while True:
            if self._lacing:
                if len(self._buffer) < at + self._lacing[0]:
                    break
                segment = self._buffer[at : at + self._lacing[0]]
                at += len(segment)
                packets += self._take_segment(segment)
                continue
            header = self._page_header(at)
            if header is None:
                break
            at += len(header)
            self._start_page(header)
        self._buffer = self._buffer[at:]
        return packets

    def _page_header(self, at: int) -> bytes | None:
        """The page header at `at` with its lacing values, None while it is incomplete."""
        magic = self._buffer[at : at + 4]
        if not b"OggS".startswith(magic):
            raise bad_audio("the data is not Ogg: a page does not start with OggS")
        if len(self._buffer) < at + _PAGE_HEADER_BYTES:
            return None
        end = at + _PAGE_HEADER_BYTES + self._buffer[at + _PAGE_HEADER_BYTES - 1]
        return self._buffer[at:end] if len(self._buffer) >= end else None

    def _start_page(self, header: bytes) -> None:
        if header[4] != 0:
            raise bad_audio(f"unknown Ogg version {header[4]}")
        self._page_flags = header[5]
        self._page_serial = int.from_bytes(header[14:18], "little")
        self._lacing = header[_PAGE_HEADER_BYTES:]
        if self._page_flags & _FIRST:
            self._partial, self._discard = b"", False
        elif self._serial < 0 and self._config is None:
            raise bad_audio("the Ogg data holds no Opus stream")
        elif self._page_serial == self._serial:
            continued = bool(self._page_flags & _CONTINUED)
            if not continued:
                self._partial, self._discard = b"", False
            elif not self._partial:
                self._discard = True  # the head of this packet was never sent
            self._end_stream_if_last()

    def _take_segment(self, segment: bytes) -> list[Packet]:
        """Packets (none or one) that this lacing segment of the current page completes."""
        self._lacing = self._lacing[1:]
        wanted = self._page_serial == self._serial or self._page_flags & _FIRST
        if not wanted:
            return []
        if self._serial >= 0 and self._packets_seen == 1:
            self._discard = True  # OpusTags: may hold pictures of any size
        if not self._discard:
            self._partial += segment
            if len(self._partial) > MAX_PACKET_BYTES:
                raise bad_audio(f"an Ogg packet of more than {MAX_PACKET_BYTES} bytes")
        packets = self._end_packet() if len(segment) < 255 else []
        self._end_stream_if_last()
        return packets

    def _end_packet(self) -> list[Packet]:
        data, discarded = self._partial, self._discard
        self._partial, self._discard = b"", False
        if self._serial < 0:
            self._adopt(data)
            return []
        if self._page_serial != self._serial:
            return []
        self._packets_seen += 1
        if discarded or not data or self._config is None or self._packets_seen <= _HEADER_PACKETS:
            return []
        return [Packet(data, self._config)]

    def _adopt(self, first_packet: bytes) -> None:
        """Follow the stream of this page if it is Opus."""
        if first_packet.startswith(b"OpusHead"):
            link = 0 if self._config is None else self._config.link + 1
            self._config = opus_config(first_packet, link)
            self._serial = self._page_serial
            self._packets_seen = 1

    def _end_stream_if_last(self) -> None:
        if self._page_flags & _LAST and not self._lacing and self._page_serial == self._serial:
            self._serial = -1

    def check_end(self) -> None:
        if self._config is None:
            raise bad_audio("the Ogg stream ended before its Opus header")

    def state(self) -> dict[str, Any]:
        return {
            "buffer": self._buffer,
            "config": pack_config(self._config),
            "page": [self._serial, self._page_serial, self._page_flags, self._lacing],
            "packet": [self._partial, self._discard, self._packets_seen],
        }

    def load(self, state: dict[str, Any]) -> None:
        self._buffer = state["buffer"]
        self._config = unpack_config(state["config"])
        self._serial, self._page_serial, self._page_flags, self._lacing = state["page"]
        self._partial, self._discard, self._packets_seen = state["packet"]
