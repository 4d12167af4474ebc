"""The session of OpenAI's Realtime API: what an update does, and what it asks of the stream."""

from typing import Any

import pytest

from service.audio.stream_decoder import StreamFormat
from service.errors import BadRequest
from service.gateway.biasing import Bias
from service.gateway.sockets.realtime import beta
from service.gateway.sockets.realtime.client_events import BETA, CURRENT, Append, parse
from service.gateway.sockets.realtime.session import Identity, Session

WHO = Identity("sess_1", "base", 2_000_000_000)


def audio(**given: Any) -> dict[str, Any]:
    return {"type": "transcription", "audio": {"input": given}}


def test_a_new_session_has_the_documented_defaults() -> None:
    told = Session().told(WHO)
    given = told["audio"]["input"]
    assert (told["type"], told["object"], told["id"]) == ("transcription", "realtime.transcription_session", "sess_1")
    assert given["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert given["transcription"]["model"] == "base"
    assert (given["turn_detection"]["type"], given["turn_detection"]["silence_duration_ms"]) == ("server_vad", 500)
    assert given["turn_detection"]["prefix_padding_ms"] == 300


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    first = Session().updated(audio(transcription={"language": "en", "keywords": ["Loewe"]}))
    second = first.updated(audio(turn_detection={"type": "server_vad", "silence_duration_ms": 800}))
    third = second.updated(
        audio(transcription={"language": "fr"}, turn_detection={"type": "server_vad", "threshold": 0.7})
    )
    assert (third.transcription.language, third.transcription.keywords) == ("fr", ["Loewe"])
    assert third.turn_detection is not None
    assert third.options("base", Bias()).endpointing.silence_ms == 800
    assert third.options("base", Bias()).endpointing.threshold == 0.7


def test_null_turns_detection_off_and_an_object_turns_it_on_again() -> None:
    off = Session().updated(audio(turn_detection=None))
    assert off.turn_detection is None
    assert off.updated(audio(turn_detection={"type": "semantic_vad", "eagerness": "high"})).turn_detection is not None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "audio/pcm", "rate": 24000}, StreamFormat("pcm_s16le", 24_000)),
        ({"type": "audio/pcmu"}, StreamFormat("mulaw", 8_000)),
        ({"type": "audio/pcma"}, StreamFormat("alaw", 8_000)),
    ],
)
def test_formats_are_those_of_the_stream(given: dict[str, Any], expected: StreamFormat) -> None:
    assert Session().updated(audio(format=given)).options("base", Bias()).format == expected


def test_values_beyond_the_endpointer_are_brought_within_its_range() -> None:
    wild = {"type": "server_vad", "threshold": 0.0, "silence_duration_ms": 20, "prefix_padding_ms": 9_000}
    endpointing = Session().updated(audio(turn_detection=wild)).options("base", Bias()).endpointing
    assert (endpointing.threshold, endpointing.silence_ms, endpointing.preroll_ms) == (0.2, 100, 2_000)


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"foo": 1}, "unknown_parameter", "session.foo"),
        (audio(gain=2), "unknown_parameter", "session.audio.input.gain"),
        ({"type": "realtime"}, "invalid_value", "session.type"),
        (audio(format={"type": "audio/mp3"}), "invalid_value", "session.audio.input.format.type"),
        (audio(format={"type": "audio/pcm", "rate": 16_000}), "invalid_value", "session.audio.input.format.rate"),
        (audio(transcription=None), "invalid_type", "session.audio.input.transcription"),
        (audio(transcription={"language": 7}), "invalid_type", "session.audio.input.transcription.language"),
        (audio(turn_detection={"threshold": 3}), "invalid_value", "session.audio.input.turn_detection.threshold"),
        (audio(turn_detection={"type": "loud"}), "invalid_value", "session.audio.input.turn_detection.type"),
        ({"include": ["everything"]}, "invalid_value", "session.include[0]"),
        ("nothing", "invalid_request", "session"),
    ],
)  # fmt: skip
def test_a_bad_update_names_its_parameter(change: Any, code: str, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        Session().updated(change)
    assert (caught.value.code, caught.value.field) == (code, param)


@pytest.mark.parametrize(
    ("text", "code", "param", "event_id"),
    [
        ("{", "invalid_json", None, None),
        ("[]", "invalid_type", None, None),
        ('{"event_id": "a"}', "missing_required_parameter", "type", "a"),
        ('{"type": "response.create", "event_id": "a"}', "invalid_value", "type", "a"),
        ('{"type": "input_audio_buffer.append", "event_id": "b"}', "missing_required_parameter", "audio", "b"),
        ('{"type": "input_audio_buffer.append", "audio": 3}', "invalid_type", "audio", None),
        ('{"type": "input_audio_buffer.commit", "now": true}', "unknown_parameter", "now", None),
        ('{"type": "session.update", "session": []}', "invalid_type", "session", None),
    ],
)
def test_a_bad_event_is_answered_with_its_id(text: str, code: str, param: str | None, event_id: str | None) -> None:
    parsed = parse(text, CURRENT)
    assert parsed.error is not None
    assert (parsed.error.code, parsed.error.field, parsed.event_id) == (code, param, event_id)


def test_audio_is_base64() -> None:
    event = parse('{"type": "input_audio_buffer.append", "audio": "AAEC"}', CURRENT).event
    assert isinstance(event, Append)
    assert event.data() == b"\x00\x01\x02"
    with pytest.raises(BadRequest, match="base64"):
        Append(type="input_audio_buffer.append", audio="A€==").data()


def test_each_dialect_refuses_the_update_of_the_other() -> None:
    for text, types in (
        ('{"type": "session.update", "session": {}}', BETA),
        ('{"type": "transcription_session.update", "session": {}}', CURRENT),
    ):
        error = parse(text, types).error
        assert error is not None
        assert error.field == "type"


def test_a_beta_session_is_the_same_session_under_its_old_names() -> None:
    given = {
        "input_audio_format": "g711_ulaw",
        "input_audio_transcription": {"model": "gpt-4o-transcribe", "language": "en", "prompt": "names"},
        "turn_detection": None,
        "input_audio_noise_reduction": {"type": "near_field"},
    }
    session = Session().updated(beta.to_current(given))
    assert session.options("base", Bias()).format.encoding == "mulaw"
    shown = beta.from_current(session.told(WHO))
    assert (shown["input_audio_format"], shown["turn_detection"]) == ("g711_ulaw", None)
    assert shown["input_audio_transcription"]["prompt"] == "names"
    with pytest.raises(BadRequest) as caught:
        beta.to_current({"input_audio_format": "mp3"})
    assert caught.value.field == "session.input_audio_format"
    with pytest.raises(BadRequest) as caught:
        Session().updated(beta.to_current({"turn_detection": {"type": "loud"}}))
    assert beta.field_name(caught.value.field) == "session.turn_detection.type"
