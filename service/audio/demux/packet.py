"""What every incremental demuxer takes and gives."""

from dataclasses import dataclass
from typing import Any, Protocol

from service.errors import BadAudio

MAX_PACKET_BYTES = 8_192  # an Opus packet of 120 ms at 510 kbit/s has 7,650, an ADTS frame at most 8,191


@dataclass(frozen=True, slots=True)
class CodecConfig:
    """What a decoder must know before the first packet.

    `codec` is "opus", "aac" or "mp3"; `extradata` is an OpusHead (RFC 7845) whose pre-skip is zero, else empty;
    `pre_skip` is the number of samples to drop at the start, at 48 kHz. `link` counts the logical streams that
    follow each other in one (a chained Ogg, a recorder that was restarted); each needs a new decoder.
    """

    codec: str
    extradata: bytes = b""
    pre_skip: int = 0
    link: int = 0


@dataclass(frozen=True, slots=True)
class Packet:
    """One encoded packet, never empty."""

    data: bytes
    config: CodecConfig


class Demuxer(Protocol):
    """Bytes in pieces of any size to packets; buffers no more than one packet or header."""

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that `data` completes. Raises BadAudio when the bytes are not of this format."""

    def check_end(self) -> None:
        """Raises BadAudio when the stream ends before its header was complete."""

    def state(self) -> dict[str, Any]:
        """Everything needed to go on in another process: plain values for msgpack."""

    def load(self, state: dict[str, Any]) -> None:
        """Take over `state()`. Only on a new demuxer."""


def bad_audio(message: str) -> BadAudio:
    return BadAudio(message, field="audio")


def opus_config(head: bytes, link: int = 0) -> CodecConfig:
    """The configuration in an OpusHead header (RFC 7845, section 5.1). Raises BadAudio.

    Streams of mapping family 0 are declared mono, whatever they hold: libopus then mixes stereo itself.
    """
    if len(head) < 19 or not head.startswith(b"OpusHead") or head[8] >> 4:
        raise bad_audio("the stream has no valid OpusHead header")
    pre_skip = int.from_bytes(head[10:12], "little")
    channels = 1 if head[18] == 0 else head[9]
    return CodecConfig("opus", head[:9] + bytes([channels]) + bytes(2) + head[12:], pre_skip, link)


def pack_config(config: CodecConfig | None) -> list[Any] | None:
    return None if config is None else [config.codec, config.extradata, config.pre_skip, config.link]


def unpack_config(packed: list[Any] | None) -> CodecConfig | None:
    return None if packed is None else CodecConfig(*packed)
