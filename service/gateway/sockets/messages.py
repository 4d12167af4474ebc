"""What a client of `/v1/stream` may say in text frames (docs/streaming.md, /asyncapi.yaml)."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from service.errors import BadRequest


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class AudioFormat(_Message):
    encoding: str = "pcm_s16le"
    sample_rate: int = 16_000
    channels: int = 1


class Start(_Message):
    type: Literal["start"]
    format: AudioFormat = Field(default_factory=AudioFormat)
    language: str | None = None
    model: str | None = None
    interim: bool = True
    endpointing: dict[str, Any] = Field(default_factory=dict)
    keywords: list[Any] = Field(default_factory=list)
    bias_lists: list[str] = Field(default_factory=list)
    bias_strength: float = 1.0


class Resume(_Message):
    type: Literal["resume"]
    session: str = Field(max_length=100)
    resume_token: str = Field(max_length=200)
    last_seq: int = Field(ge=0)


class Configure(_Message):
    """Fields that are not sent stay as they are."""

    type: Literal["configure"]
    language: str | None = None
    interim: bool = True
    endpointing: dict[str, Any] = Field(default_factory=dict)
    keywords: list[Any] = Field(default_factory=list)
    bias_lists: list[str] = Field(default_factory=list)
    bias_strength: float = 1.0


class Flush(_Message):
    type: Literal["flush"]


class Finish(_Message):
    type: Literal["finish"]


class Ping(_Message):
    type: Literal["ping"]
    id: Annotated[str, Field(max_length=100)] | Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None


T = TypeVar("T")

Opening = Start | Resume
Control = Configure | Flush | Finish | Ping

_opening: TypeAdapter[Opening] = TypeAdapter(Annotated[Opening, Field(discriminator="type")])
_control: TypeAdapter[Control] = TypeAdapter(Annotated[Control, Field(discriminator="type")])


def parse_opening(text: str) -> Opening:
    """The first message of a connection. Raises BadRequest naming the field at fault."""
    return _parse(_opening, text)


def parse_control(text: str) -> Control:
    """A later text message. Raises BadRequest naming the field at fault."""
    return _parse(_control, text)


def _parse(adapter: TypeAdapter[T], text: str) -> T:
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        tags = {"start", "resume", "configure", "flush", "finish", "ping", "constrained-str", "constrained-int"}
        field = ".".join(str(part) for part in first["loc"] if part not in tags)
        if first["type"].startswith("union_tag"):
            field = "type"
        raise BadRequest(first["msg"], field=field or "message") from error
