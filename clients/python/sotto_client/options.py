"""What a stream or a recording asks of the server, and how long a stream is willing to wait."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypedDict

from sotto_client.biasing import Keyword, plain


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What the bytes given to `send_audio` are; `opus`: each call is one packet. `sample_rate` in Hz."""

    encoding: str = "pcm_s16le"
    sample_rate: int = 16_000
    channels: int = 1


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What is asked of the server. None leaves the choice to it (`language` None: detect).

    `keywords` are names and phrases that may be spoken, `bias_lists` names of lists of such on the server,
    `bias_strength` from 0 to 2 is how much they count.
    """

    format: AudioFormat = field(default_factory=AudioFormat)
    language: str | None = None
    model: str | None = None
    interim: bool = True
    endpointing: Mapping[str, float] | None = None
    keywords: Sequence[Keyword] | None = None
    bias_lists: Sequence[str] | None = None
    bias_strength: float | None = None

    def start_message(self) -> dict[str, Any]:
        """The protocol's first message."""
        values = asdict(self) | {"keywords": None if self.keywords is None else plain(self.keywords)}
        return {"type": "start"} | {name: value for name, value in values.items() if value is not None}


class Wanted(TypedDict, total=False):
    """What a recording may be transcribed with; what is left out is the server's choice (see `StreamOptions`).

    `prompt` is text that precedes the recording, of at most 2000 characters: spelling and names to lean on.
    """

    language: str | None
    model: str | None
    prompt: str | None
    keywords: Sequence[Keyword] | None
    bias_lists: Sequence[str] | None
    bias_strength: float | None


def form_fields(wanted: Wanted) -> dict[str, Any]:
    """As fields of the REST form; keywords are one field, however many they are."""
    fields: dict[str, Any] = {name: wanted.get(name) for name in ("language", "model", "prompt")}
    if (keywords := wanted.get("keywords")) is not None:
        fields["keywords"] = json.dumps(plain(keywords), ensure_ascii=False)
    if (bias_lists := wanted.get("bias_lists")) is not None:
        fields["bias_lists"] = json.dumps(list(bias_lists))
    fields["bias_strength"] = wanted.get("bias_strength")
    return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what. `max_unsafe_bytes` bounds the audio kept for resending."""

    answer_s: float = 10.0
    reconnect_s: float = 30.0
    keepalive_s: float = 15.0
    max_unsafe_bytes: int = 8 * 2**20
