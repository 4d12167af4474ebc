"""docs/compatibility.md on Deepgram, held against the SDK's types and against what the code declares."""

from typing import Any, get_args, get_origin

import pytest
from deepgram.listen.v1.types import (
    ListenV1ConfigureFailure,
    ListenV1ConfigureSuccess,
    ListenV1Error,
    ListenV1Metadata,
    ListenV1Results,
    ListenV1SpeechStarted,
    ListenV1UtteranceEnd,
)
from deepgram.types import ListenV1Response
from pydantic import BaseModel

from service.gateway.sockets.deepgram.controls import CONFIGURE_FIELDS, TYPES
from service.gateway.sockets.deepgram.parameters import PARAMETERS
from tests.unit.docs.compatibility import table

LIVE, RECORDED = "Deepgram: live", "Deepgram: recordings"
MESSAGES = (
    ListenV1Results,
    ListenV1Metadata,
    ListenV1UtteranceEnd,
    ListenV1SpeechStarted,
    ListenV1ConfigureSuccess,
    ListenV1ConfigureFailure,
    ListenV1Error,
)
WHOLE = {"results.utterances", "results.channels.alternatives.words"}  # one row tells all of it


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model of a field, of its list, or of what may be None."""
    if get_origin(annotation) is None:
        return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    return next((found for each in get_args(annotation) if (found := model_in(each))), None)


def fields_of(model: type[BaseModel], path: str, sent: set[str]) -> set[str]:
    """The paths of a type's fields, into those parts that are sent."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        inner, below = f"{path}{name}", model_in(field.annotation)
        if below and inner not in WHOLE and any(each.startswith(f"{inner}.") for each in sent):
            found |= fields_of(below, f"{inner}.", sent)
        else:
            found.add(inner)
    return found


@pytest.mark.parametrize(
    ("section", "title", "mode"), [(LIVE, "Live parameters", "live"), (RECORDED, "Recorded parameters", "recorded")]
)
def test_parameters_are_what_the_code_declares(section: str, title: str, mode: str) -> None:
    told = {name: row.status for name, row in table(section, title).items()}
    assert told == {name: status for name, each in PARAMETERS.items() if (status := getattr(each, mode))}


def test_client_messages_are_those_that_are_parsed() -> None:
    told = set(table(LIVE, "Client messages"))
    assert {name for name in told if "." not in name} == {"Binary", *TYPES}
    assert {name.removeprefix("Configure.") for name in told if "." in name} <= set(CONFIGURE_FIELDS)


def test_server_messages_have_the_fields_of_the_sdk() -> None:
    told = set(table(LIVE, "Server messages"))
    fields: set[str] = set()
    for message in MESSAGES:
        kind = message.model_fields["type"].default
        fields |= fields_of(message, f"{kind}.", told) - {f"{kind}.type"}
    assert told == fields


def test_the_answer_for_recordings_has_the_fields_of_the_sdk() -> None:
    told = set(table(RECORDED, "Recorded answer"))
    assert told == fields_of(ListenV1Response, "", told)
