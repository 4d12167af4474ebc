"""docs/compatibility.md on Wyoming, held against the package's own events."""

import dataclasses
from typing import Any

import pytest
from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioStart

from tests.unit.docs.compatibility import table

SECTION = "Wyoming"


@pytest.mark.parametrize(
    ("title", "name", "kind"),
    [
        ("Client events", "transcribe", Transcribe),
        ("Client events", "audio-start", AudioStart),
        ("Server events", "transcript-start", TranscriptStart),
        ("Server events", "transcript-chunk", TranscriptChunk),
        ("Server events", "transcript", Transcript),
        ("Server events", "transcript-stop", TranscriptStop),
    ],
)
def test_every_field_of_an_event_has_a_row(title: str, name: str, kind: Any) -> None:
    rows = table(SECTION, title)
    assert rows[name].status == "supported"
    fields = {row.partition(": ")[2] for row in rows if row.startswith(f"{name}: ")}
    assert fields == {field.name for field in dataclasses.fields(kind)}
