"""docs/compatibility.md on OpenAI's REST API, held against the SDK's types and the routes' description."""

from collections.abc import Sequence
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from fastapi import FastAPI
from openai.types.audio import (
    Transcription as TranscriptionAnswer,
)
from openai.types.audio import (
    TranscriptionStreamEvent,
    TranscriptionVerbose,
)
from openai.types.audio.transcription_create_params import (
    TranscriptionCreateParamsNonStreaming,
    TranscriptionCreateParamsStreaming,
)
from openai.types.audio.translation_create_params import TranslationCreateParams
from openai.types.audio_response_format import AudioResponseFormat
from pydantic import TypeAdapter

from service.gateway.rest import transcriptions
from service.gateway.rest.transcription import Transcription, as_json, as_verbose_json
from service.gateway.rest.transcription_form import ResponseFormat
from tests.unit.docs.compatibility import table
from tests.unit.gateway.test_transcription_formats import final

SECTION = "OpenAI: recordings"
OWN_FIELDS = {"bias_lists[]", "bias_strength"}
SPELLINGS = {"bias_lists", "keywords"}  # of repeated fields, beside those with brackets


def sdk_fields(*kinds: Any) -> set[str]:
    """The form fields of an SDK's parameters; lists are sent in brackets."""
    named = {}
    for kind in kinds:
        named |= get_type_hints(kind)
    return {f"{name}[]" if _is_list(hint) else name for name, hint in named.items()}


def _is_list(hint: Any) -> bool:
    return get_origin(hint) in (list, Sequence)


def form_fields(route: str) -> dict[str, str]:
    """The described fields of a form, with their descriptions; objects' parts under the object's name."""
    app = FastAPI()
    app.include_router(transcriptions.router)
    described = app.openapi()
    reference = described["paths"][route]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]["$ref"]
    properties = described["components"]["schemas"][reference.rpartition("/")[2]]["properties"]
    return {
        name if name.endswith("[]") else name.partition("[")[0]: field.get("description", "")
        for name, field in properties.items()
    }


@pytest.mark.parametrize(
    ("title", "route", "kinds", "own"),
    [
        (
            "Transcription fields",
            "/v1/audio/transcriptions",
            (TranscriptionCreateParamsNonStreaming, TranscriptionCreateParamsStreaming),
            OWN_FIELDS,
        ),
        ("Translation fields", "/v1/audio/translations", (TranslationCreateParams,), set()),
    ],
)
def test_every_field_of_the_sdk_has_a_row_and_is_in_the_form(
    title: str, route: str, kinds: tuple[Any, ...], own: set[str]
) -> None:
    rows, form = table(SECTION, title), form_fields(route)
    assert set(rows) == sdk_fields(*kinds) | own
    assert set(form) - SPELLINGS == set(rows)
    for name, row in rows.items():
        assert row.status == ("refused" if form[name].startswith("refused") else "supported"), name


def test_every_response_format_of_the_sdk_has_a_row() -> None:
    rows = table(SECTION, "Response formats")
    assert set(rows) == set(get_args(AudioResponseFormat))
    served = set(get_args(get_args(ResponseFormat)[0]))
    assert {name for name, row in rows.items() if row.status == "supported"} == served


def test_answers_have_every_field_of_the_sdks_types() -> None:
    rows = table(SECTION, "Answer fields")
    whole = Transcription((final("Hello there.") | {"logprobs": []},), 3.2)
    json, verbose = as_json(whole, logprobs=True), as_verbose_json(whole, words=True, segments=True)
    TypeAdapter(TranscriptionAnswer).validate_python(json)
    TypeAdapter(TranscriptionVerbose).validate_python(verbose)
    assert set(TranscriptionAnswer.model_fields) <= set(json)
    assert set(TranscriptionVerbose.model_fields) <= set(verbose)
    events = {
        get_args(kind.model_fields["type"].annotation)[0] for kind in get_args(get_args(TranscriptionStreamEvent)[0])
    }
    assert set(rows) == (
        {f"json: {name}" for name in TranscriptionAnswer.model_fields}
        | {f"verbose_json: {name}" for name in TranscriptionVerbose.model_fields}
        | events
    )
