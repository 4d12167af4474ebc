"""docs/compatibility.md on OpenAI's Realtime API, held against the SDK's types and against what the code does."""

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from openai.types.realtime import (
    RealtimeClientEvent,
    RealtimeServerEvent,
    RealtimeTranscriptionSessionCreateRequestParam,
)
from pydantic import BaseModel, TypeAdapter

from service.audio.endpointer import EndpointerOptions
from service.errors import BadRequest
from service.gateway.biasing import Bias
from service.gateway.sockets.realtime.client_events import CURRENT, parse
from service.gateway.sockets.realtime.conversation import Conversation
from service.gateway.sockets.realtime.errors import error_body
from service.gateway.sockets.realtime.session import Identity, Session
from tests.unit.docs.compatibility import table

SECTION = "OpenAI: Realtime"
OWN_FIELDS = {"audio.input.transcription.bias_lists", "audio.input.transcription.bias_strength"}
TURNS = "audio.input.turn_detection"

# a value for each field that differs from the default
CHANGES: dict[str, Any] = {
    "type": "transcription",
    "include": ["item.input_audio_transcription.logprobs"],
    "audio.input.format.type": "audio/pcmu",
    "audio.input.format.rate": 24_000,
    "audio.input.noise_reduction.type": "near_field",
    "audio.input.noise_reduction.strength": 0.5,
    "audio.input.transcription.model": "base",
    "audio.input.transcription.language": "fr",
    "audio.input.transcription.languages": ["fr", "en"],
    "audio.input.transcription.prompt": "Notes on a visit.",
    "audio.input.transcription.keywords": ["Loewe"],
    "audio.input.transcription.delay": "high",
    "audio.input.transcription.bias_lists": ["clients"],
    "audio.input.transcription.bias_strength": 1.5,
    f"{TURNS}.type": "semantic_vad",
    f"{TURNS}.threshold": 0.7,
    f"{TURNS}.prefix_padding_ms": 100,
    f"{TURNS}.silence_duration_ms": 900,
    f"{TURNS}.idle_timeout_ms": 6_000,
    f"{TURNS}.eagerness": "low",
    f"{TURNS}.create_response": True,
    f"{TURNS}.interrupt_response": True,
}
ALONE = {  # the only value that there is
    "type": ("realtime", "session.type"),
    "audio.input.format.rate": (16_000, "session.audio.input.format.rate"),
}


def fields_of(kind: Any, path: str = "") -> set[str]:
    """The paths of all plain fields in an SDK type."""
    if get_origin(kind) in (Annotated,):
        return fields_of(get_args(kind)[0], path)
    if get_origin(kind) in (Union, types.UnionType):
        inner: set[str] = set()
        for option in get_args(kind):
            inner |= fields_of(option, path) if option is not type(None) else set()
        return inner
    if isinstance(kind, type) and hasattr(kind, "__annotations__") and issubclass(kind, dict):
        hints = get_type_hints(kind)
        return {leaf for name, hint in hints.items() for leaf in fields_of(hint, f"{path}.{name}".strip("."))}
    return {path}


def event_types(union: Any) -> dict[str, type[BaseModel]]:
    found = {}
    for option in get_args(get_args(union)[0]):
        for name in get_args(option.model_fields["type"].annotation):
            found[name] = option
    return found


def nested(path: str, value: Any) -> dict[str, Any]:
    head, _, rest = path.partition(".")
    return {head: nested(rest, value) if rest else value}


def effect(session: Session) -> Any:
    turns = session.turn_detection
    return (
        session.options(session.transcription.model or "", Bias()),
        session.wish,
        turns.idle_timeout_ms if turns else None,
    )


def test_every_field_of_the_sdks_session_has_a_row() -> None:
    rows = table(SECTION, "Session")
    assert set(rows) == fields_of(RealtimeTranscriptionSessionCreateRequestParam) | OWN_FIELDS
    assert set(rows) == set(CHANGES)


@pytest.mark.parametrize("field", [name for name in CHANGES if name not in ALONE])
def test_a_field_does_what_its_row_says(field: str) -> None:
    before = Session()
    if field.endswith("eagerness"):
        before = before.updated(nested(f"{TURNS}.type", "semantic_vad"))
    change = nested(field, CHANGES[field])
    if field.endswith("strength") and "noise" in field:
        change["audio"]["input"]["noise_reduction"]["type"] = "far_field"
    changes = effect(before.updated(change)) != effect(before)
    assert table(SECTION, "Session")[field].status == ("supported" if changes else "no effect")


@pytest.mark.parametrize("field", list(ALONE))
def test_a_field_with_one_value_refuses_all_others(field: str) -> None:
    value, param = ALONE[field]
    Session().updated(nested(field, CHANGES[field]))
    with pytest.raises(BadRequest) as caught:
        Session().updated(nested(field, value))
    assert caught.value.field == param


def test_every_client_event_of_the_sdk_has_a_row_and_is_taken_or_refused_as_it_says() -> None:
    rows = table(SECTION, "Client events")
    assert set(rows) == set(event_types(RealtimeClientEvent))
    assert {name for name, row in rows.items() if row.status == "supported"} == set(CURRENT)
    for name, row in rows.items():
        error = parse(f'{{"type": "{name}"}}', CURRENT).error
        refused_type = error is not None and error.field == "type"
        assert refused_type == (row.status == "refused")


def sent() -> list[dict[str, Any]]:
    """One of each message that a session can send."""
    identity = Identity("sess_1", "base", 2_000_000_000)
    told = [{"type": kind, "session": Session().told(identity)} for kind in ("session.created", "session.updated")]
    complaint = {"type": "error", "error": error_body(BadRequest("no", field="x"), "mine")}
    talk = Conversation(turns=True, logprobs=True)
    probable = [{"token": "Hello.", "bytes": list(b"Hello."), "logprob": -0.1}]
    words = [{"word": "Hello.", "start": 0.0, "end": 0.4, "confidence": 0.9}]
    final = {"text": "Hello.", "language": "en", "words": words, "bias": [], "logprobs": probable}
    log: list[dict[str, Any]] = [
        {"type": "speech_started", "id": "s.0", "start": 0.0},
        {"type": "speech_ended", "id": "s.0", "end": 0.4, "cause": "silence"},
        {"type": "final", "id": "s.0"} | final,
        {"type": "clear", "at": 1.0},
        {"type": "idle", "since": 1.0, "at": 6.0},
        {"type": "speech_started", "id": "s.1", "start": 7.0},
        {"type": "speech_ended", "id": "s.1", "end": 8.0, "cause": "silence"},
        {"type": "error", "id": "s.1", "code": "decode_failed", "message": "no"},
    ]
    return [*told, complaint, *(message for event in log for message in talk.on(event))]


def test_every_server_event_has_a_row_and_all_fields_of_the_sdks_type() -> None:
    rows = table(SECTION, "Server events")
    known = event_types(RealtimeServerEvent)
    messages = {message["type"]: message | {"event_id": "event_1"} for message in sent()}
    assert set(rows) == set(messages)
    for name, message in messages.items():
        adapter: TypeAdapter[BaseModel] = TypeAdapter(known[name])
        adapter.validate_python(message)
        # the SDK declares each of an event's fields once, `status` of a conversation among them
        assert set(known[name].model_fields) <= set(message), name


def test_the_ranges_that_the_notes_name_are_those_of_the_endpointer() -> None:
    rows = table(SECTION, "Session")
    names = {"threshold": "threshold", "prefix_padding_ms": "preroll_ms", "silence_duration_ms": "silence_ms"}
    for name, option in names.items():
        ends = [getattr(EndpointerOptions().near(**{option: end}), option) for end in (0, 1_000_000)]
        assert rows[f"{TURNS}.{name}"].note == "brought within {:g} to {:g}".format(*ends)


Status = Literal["supported", "no effect", "ignored", "refused"]


def test_statuses_are_those_that_the_page_explains() -> None:
    for title in ("Session", "Client events", "Server events"):
        assert {row.status for row in table(SECTION, title).values()} <= set(get_args(Status))
