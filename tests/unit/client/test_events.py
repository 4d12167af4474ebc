import json

import pytest
from sotto_client import (
    Acknowledged,
    BiasMatch,
    BiasReport,
    Configured,
    Evidence,
    Final,
    ListVersion,
    Partial,
    Problem,
    ProtocolError,
    Rejection,
    SpeechEnded,
    Started,
    Word,
    as_message,
)
from sotto_client.events import parse_event

FINAL = {
    "type": "final",
    "seq": 9,
    "id": "u1",
    "text": "Hello there.",
    "start": 0.2,
    "end": 1.1,
    "language": "en",
    "words": [{"word": "Hello", "start": 0.2, "end": 0.6, "confidence": 0.9}],
    "bias": [
        {
            "phrase": "Hello",
            "first_word": 0,
            "words": 1,
            "heard": "hollow",
            "evidence": {"distance": 0.2, "gain": 4.0, "needed": 1.5},
        }
    ],
}
REPORT = {
    "entries": 2,
    "strength": 1.0,
    "lists": [{"name": "brands", "version": 3, "entries": 1}],
    "rejected": [{"index": 1, "phrase": "", "reason": "empty", "message": "phrase is empty"}],
    "rejected_total": 1,
}


def test_final_has_typed_words() -> None:
    final = parse_event(json.dumps(FINAL))
    match = BiasMatch("Hello", 0, 1, "hollow", Evidence(0.2, 4.0, 1.5))
    assert final == Final(9, "u1", "Hello there.", 0.2, 1.1, "en", (Word("Hello", 0.2, 0.6, 0.9),), (match,))


def test_a_report_of_what_counts_is_typed() -> None:
    report = BiasReport(
        2, 1.0, (ListVersion("brands", 3, 1),), (Rejection(1, "", "empty", "phrase is empty"),), 1, matches=()
    )
    started = {"type": "started", "seq": 1, "session": "s", "resume_token": "t", "bias": REPORT | {"later": 1}}
    assert parse_event(json.dumps(started)) == Started(1, "s", "t", bias=report)
    assert parse_event(json.dumps({"type": "configured", "seq": 2, "bias": REPORT})) == Configured(2, report)
    assert parse_event('{"type":"configured","seq":2}') == Configured(2)


def test_partial_joins_committed_and_tentative() -> None:
    values = {
        "type": "partial",
        "seq": 1,
        "id": "u",
        "committed": "Good",
        "tentative": " day",
        "start": 0,
        "end": 1,
    }
    partial = parse_event(json.dumps(values))
    assert isinstance(partial, Partial)
    assert partial.text == "Good day"


def test_end_of_speech_says_where_and_why() -> None:
    values = {"type": "speech_ended", "seq": 8, "id": "u1", "end": 1.1, "cause": "silence"}
    assert parse_event(json.dumps(values)) == SpeechEnded(8, "u1", 1.1, "silence")


def test_error_of_one_utterance_names_it() -> None:
    values = {"type": "error", "seq": 4, "code": "decode_failed", "message": "m", "field": None, "id": "u3"}
    assert parse_event(json.dumps(values)) == Problem(4, "decode_failed", "m", None, "u3")


def test_unknown_fields_are_ignored() -> None:
    assert parse_event('{"type":"ack","seq":3,"bytes":10,"shards":2}') == Acknowledged(3, 10)


def test_unknown_types_are_no_event() -> None:
    assert parse_event('{"type":"weather","seq":3}') is None


@pytest.mark.parametrize(
    "message",
    [
        "not json",
        "[]",
        "{}",
        '{"type":"ack","seq":1}',
        '{"type":"ack","bytes":1}',
        '{"type":"ack","seq":"1","bytes":1}',
        '{"type":["ack"],"seq":1}',
        '{"type":"final","seq":1,"id":"u","text":"","start":0,"end":0,"language":"en","words":[1]}',
        '{"type":"final","seq":1,"id":"u","text":"","start":0,"end":0,"language":"en","bias":[{"phrase":"x"}]}',
        '{"type":"configured","seq":1,"bias":[]}',
        b"\xff\xfe",
    ],
)
def test_anything_else_is_a_protocol_error(message: str | bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_event(message)


def test_message_form_is_what_the_server_sent() -> None:
    ended = {"type": "speech_ended", "seq": 8, "id": "u1", "end": 1.1, "cause": "flush"}
    for message in (FINAL, {"type": "configured", "seq": 2}, ended):
        event = parse_event(json.dumps(message))
        assert event is not None
        assert json.loads(json.dumps(as_message(event))) == message
