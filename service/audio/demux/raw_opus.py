"""Bare Opus packets, one per piece, as WebRTC-like clients send them."""

from typing import Any

from service.audio.demux.packet import MAX_PACKET_BYTES, CodecConfig, Packet, bad_audio, opus_config

_HEAD = b"OpusHead" + bytes([1, 1, 0, 0]) + (48_000).to_bytes(4, "little") + bytes(3)
CONFIG: CodecConfig = opus_config(_HEAD)


class RawOpusDemuxer:
    """Each piece is one packet; it has no state. libopus mixes stereo packets to mono."""

    def feed(self, data: bytes) -> list[Packet]:
        if len(data) > MAX_PACKET_BYTES:
            raise bad_audio(f"an Opus packet has at most {MAX_PACKET_BYTES} bytes, this one {len(data)}")
        return [Packet(data, CONFIG)] if data else []

    def check_end(self) -> None:
        """Any number of packets is a stream."""

    def state(self) -> dict[str, Any]:
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """There is none."""
