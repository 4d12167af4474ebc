"""The session of OpenAI's Realtime API as a client sees and updates it, and the stream options that it asks for.

Fields and their defaults follow the API reference (`RealtimeTranscriptionSessionCreateRequest`); `bias_lists` and
`bias_strength` of a transcription are Sotto's own.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.audio.endpointer import EndpointerOptions
from service.audio.stream_decoder import StreamFormat
from service.errors import BadRequest
from service.gateway.biasing import Bias, BiasWish
from service.gateway.sockets.realtime.errors import from_validation
from service.gateway.stream_options import StreamOptions

LOGPROBS = "item.input_audio_transcription.logprobs"
EAGERNESS_SILENCE_MS = {"low": 1_500, "medium": 900, "auto": 900, "high": 500}


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Pcm(_Fields):
    type: Literal["audio/pcm"]
    rate: Literal[24_000] = 24_000


class Pcmu(_Fields):
    type: Literal["audio/pcmu"]


class Pcma(_Fields):
    type: Literal["audio/pcma"]


class NoiseReduction(_Fields):
    """Taken and told back; Whisper hears the audio as it came."""

    type: Literal["near_field", "far_field"]
    strength: float | None = Field(default=None, ge=0)


class ServerVad(_Fields):
    """`create_response` and `interrupt_response` are of conversations and mean nothing here."""

    type: Literal["server_vad"]
    threshold: float = Field(default=0.5, ge=0, le=1)
    prefix_padding_ms: int = Field(default=300, ge=0)
    silence_duration_ms: int = Field(default=500, ge=0)
    idle_timeout_ms: int | None = Field(default=None, ge=5_000, le=30_000)
    create_response: bool | None = None
    interrupt_response: bool | None = None

    @property
    def endpointing(self) -> EndpointerOptions:
        return EndpointerOptions().near(
            threshold=self.threshold, preroll_ms=self.prefix_padding_ms, silence_ms=self.silence_duration_ms
        )


class SemanticVad(_Fields):
    """Sotto judges no meaning: eagerness chooses how much silence ends a turn."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool | None = None
    interrupt_response: bool | None = None
    idle_timeout_ms: None = None

    @property
    def endpointing(self) -> EndpointerOptions:
        return EndpointerOptions(silence_ms=EAGERNESS_SILENCE_MS[self.eagerness])


class Transcription(_Fields):
    model: str | None = None
    language: str | None = None
    languages: list[str] | None = None
    prompt: str | None = Field(default=None, max_length=2_000)
    keywords: list[Any] | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    bias_lists: list[str] | None = None
    bias_strength: float | None = None


class Input(_Fields):
    format: Annotated[Pcm | Pcmu | Pcma, Field(discriminator="type")] = Pcm(type="audio/pcm")
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription = Transcription()
    turn_detection: Annotated[ServerVad | SemanticVad, Field(discriminator="type")] | None = ServerVad(
        type="server_vad"
    )


class Audio(_Fields):
    input: Input = Input()


class Session(_Fields):
    """What a client may set. Frozen: an update makes a new one."""

    type: Literal["transcription"] = "transcription"
    audio: Audio = Audio()
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = None

    def updated(self, change: Any) -> "Session":
        """The session with the fields named in `change`, a client's JSON. Raises BadRequest naming the parameter."""
        if not isinstance(change, dict):
            raise BadRequest("Invalid type for 'session': expected an object.", field="session")
        try:
            return Session.model_validate(_merged(self.model_dump(), change))
        except ValidationError as error:
            raise from_validation(error, "session") from error

    def told(self, identity: "Identity") -> dict[str, Any]:
        """The session as `session.created` and `session.updated` show it."""
        shown = self.model_dump()
        shown["audio"]["input"]["transcription"]["model"] = self.transcription.model or identity.model
        return {
            "id": identity.id,
            "object": "realtime.transcription_session",
            "expires_at": identity.expires_at,
        } | shown

    @property
    def transcription(self) -> Transcription:
        return self.audio.input.transcription

    @property
    def turn_detection(self) -> ServerVad | SemanticVad | None:
        return self.audio.input.turn_detection

    @property
    def wish(self) -> BiasWish:
        """What the session is biased towards, all of it: an update that takes something out takes effect."""
        asked = self.transcription
        return BiasWish(asked.keywords or [], asked.bias_lists or [], asked.bias_strength)

    def options(self, model: str, bias: Bias) -> StreamOptions:
        """The stream that the session asks for. Without turn detection utterances still end in pauses, so that their
        finals are ready when the client commits."""
        asked, turns = self.transcription, self.turn_detection
        return StreamOptions(
            model=model,
            protocol="openai",
            format=FORMATS[self.audio.input.format.type],
            language=asked.language or None,
            languages=tuple(asked.languages or ()),
            prompt=asked.prompt or "",
            endpointing=turns.endpointing if turns else EndpointerOptions(),
            every_final=True,
            logprobs=LOGPROBS in (self.include or ()),
            bias=bias,
        )


FORMATS = {
    "audio/pcm": StreamFormat("pcm_s16le", 24_000),
    "audio/pcmu": StreamFormat("mulaw", 8_000),
    "audio/pcma": StreamFormat("alaw", 8_000),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """What the server says of a session by itself. `model` serves where the client names none."""

    id: str
    model: str
    expires_at: int


def _merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """`base` with the fields of `change`, object by object; an object of another `type` takes the other's place."""
    result = dict(base)
    for name, value in change.items():
        former = result.get(name)
        if isinstance(former, dict) and isinstance(value, dict):
            same_kind = value.get("type", former.get("type")) == former.get("type")
            result[name] = _merged(former, value) if same_kind else value
        else:
            result[name] = value
    return result
