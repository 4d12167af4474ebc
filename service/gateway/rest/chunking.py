"""The form field `chunking_strategy` of OpenAI's API: `auto`, or how the endpointer shall tell speech from silence."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import Form
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.audio.endpointer import EndpointerOptions
from service.biasing.formats import parse_json
from service.errors import BadRequest

FIELD = "chunking_strategy"


class ServerVad(BaseModel):
    """The strategy as an object; what is not given stays as it is for recordings."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["server_vad"]
    threshold: float | None = Field(default=None, ge=0, le=1)
    prefix_padding_ms: int | None = Field(default=None, ge=0)
    silence_duration_ms: int | None = Field(default=None, ge=0)


def chunking_form(
    strategy: Annotated[
        str | None, Form(alias=FIELD, description="`auto`, or the fields that follow as one JSON object")
    ] = None,
    kind: Annotated[str | None, Form(alias=f"{FIELD}[type]", description="`server_vad`")] = None,
    threshold: Annotated[
        float | None, Form(alias=f"{FIELD}[threshold]", description="probability at which speech begins")
    ] = None,
    prefix_padding_ms: Annotated[
        int | None, Form(alias=f"{FIELD}[prefix_padding_ms]", description="audio kept before speech")
    ] = None,
    silence_duration_ms: Annotated[
        int | None, Form(alias=f"{FIELD}[silence_duration_ms]", description="silence that ends a segment")
    ] = None,
) -> EndpointerOptions:
    """Raises BadRequest, which names the field in the spelling that the client chose."""
    bracketed = {
        "type": kind,
        "threshold": threshold,
        "prefix_padding_ms": prefix_padding_ms,
        "silence_duration_ms": silence_duration_ms,
    }
    given = {name: value for name, value in bracketed.items() if value is not None}
    if not strategy:
        return _endpointing(given, f"{FIELD}[{{}}]") if given else EndpointerOptions.OFFLINE
    if given:
        raise BadRequest(f"{FIELD} is given whole, and {FIELD}[{next(iter(given))}] besides", field=FIELD)
    if strategy == "auto":
        return EndpointerOptions.OFFLINE
    if not strategy.lstrip().startswith("{"):
        raise BadRequest("the strategy is `auto` or an object of type `server_vad`", field=FIELD)
    return _endpointing(parse_json(strategy.encode(), field=FIELD), f"{FIELD}.{{}}")


def _endpointing(given: dict[str, Any], spelling: str) -> EndpointerOptions:
    """Speech cut where the client says, so short utterances are not packed; `spelling` of a field of the object."""
    try:
        vad = ServerVad.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadRequest(first["msg"], field=spelling.format(first["loc"][0])) from error
    return replace(EndpointerOptions.OFFLINE, min_utterance_ms=0).near(
        threshold=vad.threshold, preroll_ms=vad.prefix_padding_ms, silence_ms=vad.silence_duration_ms
    )
