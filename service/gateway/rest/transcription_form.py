"""What the forms of transcriptions and translations ask for: OpenAI's fields, and the bias of Sotto."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import Depends, Form
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from service.audio.endpointer import EndpointerOptions
from service.errors import BadRequest
from service.gateway.biasing import BiasWish
from service.gateway.recording import Task
from service.gateway.rest.bias_form import bias_form
from service.gateway.rest.chunking import chunking_form

TIMED_FORMATS = ("verbose_json", "srt", "vtt")
NO_SPEAKERS = "Sotto does not tell speakers apart"


def _without_speakers(response_format: Any) -> Any:
    if response_format == "diarized_json":
        raise PydanticCustomError("speakers", NO_SPEAKERS)
    return response_format


ResponseFormat = Annotated[Literal["json", "text", "srt", "verbose_json", "vtt"], BeforeValidator(_without_speakers)]
Granularity = Literal["word", "segment"]
Model = Annotated[str | None, Form(description="id from `GET /v1/models`; OpenAI's names mean the server's default")]
Prompt = Annotated[str, Form(max_length=2000, description="text that precedes the recording: spelling to lean on")]
Format = Annotated[ResponseFormat, Form()]
Temperature = Annotated[float, Form(ge=0, le=1)]


@dataclass(frozen=True, slots=True)
class Answer:
    """The shape of the answer."""

    response_format: ResponseFormat = "json"
    granularities: frozenset[Granularity] = frozenset({"segment"})
    logprobs: bool = False
    stream: bool = False

    @property
    def word_times(self) -> bool:
        """Whether words are to be aligned with the audio; what shows no times is spared it."""
        return self.response_format in TIMED_FORMATS

    @property
    def words(self) -> bool:
        return self.response_format == "verbose_json" and "word" in self.granularities

    @property
    def segments(self) -> bool:
        return self.response_format == "verbose_json" and "segment" in self.granularities


@dataclass(frozen=True, slots=True)
class TranscriptionWish:
    """A form whose fields are right each by itself and together; the model, languages and lists are yet unknown."""

    answer: Answer
    model: str | None = None
    task: Task = "transcribe"
    language: str | None = None
    languages: tuple[str, ...] = ()
    prompt: str = ""
    temperature: float = 0.0
    endpointing: EndpointerOptions = EndpointerOptions.OFFLINE
    bias: BiasWish = field(default_factory=BiasWish)


def answer_form(
    response_format: Format = "json",
    granularities: Annotated[
        list[Granularity] | None, Form(alias="timestamp_granularities[]", description="for `verbose_json`")
    ] = None,
    include: Annotated[
        list[Literal["logprobs"]] | None, Form(alias="include[]", description="for the format `json`")
    ] = None,
    stream: Annotated[bool, Form(description="answer with server-sent events")] = False,
) -> Answer:
    """Raises BadRequest for combinations that OpenAI refuses as well."""
    if granularities and response_format != "verbose_json":
        raise BadRequest(
            "response_format must be verbose_json if timestamp_granularities[] is provided",
            field="timestamp_granularities[]",
        )
    if include and response_format != "json":
        raise BadRequest("logprobs are told with the response_format json only", field="include[]")
    return Answer(response_format, frozenset(granularities or ("segment",)), bool(include), stream)


def refuse_speakers(
    names: Annotated[
        list[str] | None, Form(alias="known_speaker_names[]", description=f"refused: {NO_SPEAKERS}")
    ] = None,
    references: Annotated[
        list[str] | None, Form(alias="known_speaker_references[]", description=f"refused: {NO_SPEAKERS}")
    ] = None,
) -> None:
    """Raises BadRequest when speakers are to be told apart."""
    given: dict[str, Sequence[str] | None] = {
        "known_speaker_names[]": names,
        "known_speaker_references[]": references,
    }
    for name, value in given.items():
        if value:
            raise BadRequest(NO_SPEAKERS, field=name)


def transcription_form(
    answer: Annotated[Answer, Depends(answer_form)],
    endpointing: Annotated[EndpointerOptions, Depends(chunking_form)],
    bias: Annotated[BiasWish, Depends(bias_form)],
    _: Annotated[None, Depends(refuse_speakers)],
    model: Model = None,
    language: Annotated[str | None, Form(description="ISO 639-1 code; detected when absent")] = None,
    languages: Annotated[
        list[str] | None, Form(alias="languages[]", description="codes of the only languages to detect")
    ] = None,
    prompt: Prompt = "",
    temperature: Temperature = 0.0,
) -> TranscriptionWish:
    return TranscriptionWish(
        answer,
        model or None,
        language=language or None,
        languages=tuple(languages or ()),
        prompt=prompt,
        temperature=temperature,
        endpointing=endpointing,
        bias=bias,
    )


def translation_form(
    model: Model = None,
    response_format: Format = "json",
    prompt: Prompt = "",
    temperature: Temperature = 0.0,
) -> TranscriptionWish:
    return TranscriptionWish(
        Answer(response_format), model or None, task="translate", prompt=prompt, temperature=temperature
    )
