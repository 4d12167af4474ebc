"""What a client may say in text frames of `/v1/stream`, and how it hears what is wrong."""

import json

import pytest

from service.audio.endpointer import EndpointerOptions
from service.errors import BadRequest
from service.gateway.biasing import BiasWish
from service.gateway.sockets.messages import (
    AudioFormat,
    Configure,
    Finish,
    Flush,
    Ping,
    Resume,
    Start,
    parse_control,
    parse_opening,
)
from service.gateway.sockets.native import endpointing_of, wish_of

RESUME = {"type": "resume", "session": "s_1", "resume_token": "t", "last_seq": 4}


def test_start_needs_nothing_but_its_type() -> None:
    start = parse_opening('{"type": "start"}')
    assert isinstance(start, Start)
    assert start.format == AudioFormat(encoding="pcm_s16le", sample_rate=16_000, channels=1)
    assert (start.language, start.model, start.interim, start.endpointing) == (None, None, True, {})


def test_resume_names_session_token_and_last_event() -> None:
    resume = parse_opening(json.dumps(RESUME))
    assert isinstance(resume, Resume)
    assert (resume.session, resume.resume_token, resume.last_seq) == ("s_1", "t", 4)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"type": "start", "format": {"sample_rate": "16000"}}', "format.sample_rate"),
        ('{"type": "start", "format": {"rate": 8000}}', "format.rate"),
        ('{"type": "start", "format": null}', "format"),
        ('{"type": "start", "interim": 1}', "interim"),
        ('{"type": "start", "lang": "en"}', "lang"),
        ('{"type": "start", "endpointing": []}', "endpointing"),
        ('{"type": "start", "keywords": "Loewe"}', "keywords"),
        ('{"type": "start", "bias_lists": [7]}', "bias_lists.0"),
        ('{"type": "start", "bias_strength": "1"}', "bias_strength"),
        (json.dumps(RESUME | {"last_seq": -1}), "last_seq"),
        (json.dumps(RESUME | {"session": "s" * 101}), "session"),
        ('{"type": "resume", "session": "s_1", "resume_token": "t"}', "last_seq"),
        ('{"type": "flush"}', "type"),
        ('{"type": 1}', "type"),
        ("{}", "type"),
        ("[]", "message"),
        ('"start"', "message"),
        ("{", "message"),
        ("", "message"),
    ],
)
def test_bad_opening_names_the_field_at_fault(text: str, field: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_opening(text)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"type": "flush"}', Flush),
        ('{"type": "finish"}', Finish),
        ('{"type": "ping"}', Ping),
        ('{"type": "ping", "id": 7}', Ping),
        ('{"type": "ping", "id": "seven"}', Ping),
        ('{"type": "configure"}', Configure),
    ],
)
def test_commands_are_told_apart_by_type(text: str, kind: type) -> None:
    assert type(parse_control(text)) is kind


def test_configure_tells_null_from_not_sent() -> None:
    assert "language" not in parse_control('{"type": "configure", "interim": false}').model_fields_set
    assert "language" in parse_control('{"type": "configure", "language": null}').model_fields_set


def test_a_wish_is_what_the_message_names() -> None:
    start = parse_opening('{"type": "start", "keywords": ["Loewe", {"phrase": "Dior"}, 7], "bias_strength": 2}')
    assert isinstance(start, Start)
    assert wish_of(start) == BiasWish(["Loewe", {"phrase": "Dior"}, 7], None, 2.0)
    configure = parse_control('{"type": "configure", "keywords": [], "bias_lists": ["brands"]}')
    assert isinstance(configure, Configure)
    assert wish_of(configure) == BiasWish([], ["brands"], None)
    nothing = parse_control('{"type": "configure"}')
    assert isinstance(nothing, Configure)
    assert wish_of(nothing).is_empty


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"type": "start"}', "type"),
        ('{"type": "stop"}', "type"),
        ('{"type": "configure", "model": "base"}', "model"),
        ('{"type": "configure", "interim": null}', "interim"),
        ('{"type": "flush", "now": true}', "now"),
        ('{"type": "ping", "id": {}}', "id"),
    ],
)
def test_bad_command_names_the_field_at_fault(text: str, field: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_control(text)
    assert caught.value.field.split(".")[0] == field


def test_endpointing_changes_only_what_is_named() -> None:
    changed = endpointing_of(EndpointerOptions(preroll_ms=100), {"silence_ms": 800})
    assert changed == EndpointerOptions(preroll_ms=100, silence_ms=800)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"silence": 800}, "endpointing.silence"),
        ({"silence_ms": 1}, "endpointing.silence_ms"),
        ({"silence_ms": "800"}, "endpointing.silence_ms"),
        ({"threshold": True}, "endpointing.threshold"),
        ({"OFFLINE": 1}, "endpointing.OFFLINE"),
    ],
)
def test_bad_endpointing_names_the_option_at_fault(change: dict[str, object], field: str) -> None:
    with pytest.raises(BadRequest) as caught:
        endpointing_of(EndpointerOptions(), change)
    assert caught.value.field == field
