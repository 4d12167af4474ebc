"""What a stream asks of the server, and how long it is willing to wait."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What the bytes given to `send_audio` are; `opus`: each call is one packet. `sample_rate` in Hz."""

    encoding: str = "pcm_s16le"
    sample_rate: int = 16_000
    channels: int = 1


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What is asked of the server. None leaves the choice to it (`language` None: detect)."""

    format: AudioFormat = field(default_factory=AudioFormat)
    language: str | None = None
    model: str | None = None
    interim: bool = True
    endpointing: Mapping[str, float] | None = None

    def start_message(self) -> dict[str, Any]:
        """The protocol's first message."""
        return {"type": "start"} | {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what. `max_unsafe_bytes` bounds the audio kept for resending."""

    answer_s: float = 10.0
    reconnect_s: float = 30.0
    keepalive_s: float = 15.0
    max_unsafe_bytes: int = 8 * 2**20
