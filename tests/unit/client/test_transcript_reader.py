"""Server-sent events of a transcript: cut anywhere, complete or refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from sotto_client import (
    BadRequest,
    BiasReport,
    Failed,
    ProtocolError,
    Segment,
    TextDelta,
    TextDone,
    TextSegment,
    TranscriptEvent,
)
from sotto_client.transcript_events import TranscriptReader

from tests.unit.client.both_clients import Ask
from tests.unit.client.conftest import Answers

BIAS = {"entries": 1, "strength": 1.0, "lists": [], "rejected": [], "rejected_total": 0, "matches": []}
MESSAGES = [
    {"type": "transcript.text.delta", "delta": "Grüß Gott\u2028\x85."},
    {"type": "transcript.text.segment", "id": "0", "start": 0.5, "end": 1.25, "text": " Grüß Gott.", "confidence": 0.9},
    {"type": "transcript.text.weather", "sun": True},
    {"type": "transcript.text.done", "text": "Grüß Gott.", "usage": {"type": "duration", "seconds": 2}, "bias": BIAS},
]
EVENTS = [
    TextDelta("Grüß Gott\u2028\x85."),
    TextSegment(Segment(0, 0.5, 1.25, "Grüß Gott.", 0.9)),
    TextDone("Grüß Gott.", 2, BiasReport(1, 1.0)),
]


def body(*messages: dict[str, Any]) -> str:
    return "".join(f"data: {json.dumps(message, ensure_ascii=False)}\n\n" for message in messages) + "data: [DONE]\n\n"


def read(*parts: str) -> list[TranscriptEvent]:
    reader = TranscriptReader()
    events = [event for part in parts for event in reader.feed(part)]
    reader.end()
    return events


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_events_are_complete_wherever_the_body_is_cut(size: int) -> None:
    whole = body(*MESSAGES)
    assert read(*(whole[start : start + size] for start in range(0, len(whole), size))) == EVENTS


def test_line_ends_comments_and_other_fields_are_as_the_standard_says() -> None:
    whole = body(*MESSAGES).replace("data: ", ": still here\nid: 7\ndata:").replace("\n", "\r\n")
    assert read(whole) == EVENTS


def test_data_over_several_lines_is_one_event() -> None:
    assert read(body(*MESSAGES).replace(', "', ',\ndata: "')) == EVENTS


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "too long", "type": "invalid_request_error", "param": "file", "code": "too_large"}, BadRequest),
        ({"message": "too long", "type": "server_error", "param": None, "code": "decode_failed"}, Failed),
    ],
)
def test_failure_on_the_way_is_raised(error: dict[str, Any], kind: type[Exception]) -> None:
    events = TranscriptReader().feed(body(MESSAGES[0], {"type": "error", "error": error}))
    assert next(events) == EVENTS[0]
    with pytest.raises(kind, match="too long") as caught:
        next(events)
    assert (caught.value.code, caught.value.field) == (error["code"], error["param"])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "whole",
    [
        "",
        body(MESSAGES[0]),
        "data: <html>\n\n",
        "data: []\n\n",
        'data: {"type": "transcript.text.delta"}\n\n',
        'data: {"type": "transcript.text.segment", "id": "first"}\n\n',
        'data: {"type": "transcript.text.done", "text": "", "usage": null}\n\n',
    ],
)
def test_anything_else_is_a_protocol_error(whole: str) -> None:
    with pytest.raises(ProtocolError):
        read(whole)


async def test_events_come_by_either_transport(answers: Answers, ask: Ask, recording: Path) -> None:
    answers.headers = {"Content-Type": "text/event-stream; charset=utf-8"}
    answers.say(body(*MESSAGES))
    assert await ask("transcribe_events", recording, language="de") == EVENTS
    for part in (b'name="stream"\r\n\r\ntrue', b'name="language"\r\n\r\nde', b"RIFF-and-so-on"):
        assert part in answers.asked[0].body
