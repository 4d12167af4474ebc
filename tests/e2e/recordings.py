"""The shipped speech, in every shape that clients send it."""

import json
from functools import cache
from typing import Any

import numpy as np

from loadtest.accuracy import word_errors
from service.audio.container import read_file
from service.audio.pcm import Int16
from service.transcript import SAMPLE_RATE
from tests.conftest import DATA
from tests.unit.audio.encoded import encode, wav

TWO_SENTENCES_S = 10


@cache
def manifest() -> dict[str, dict[str, Any]]:
    lines = (DATA / "manifest.jsonl").read_text("utf-8").splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


def flac(name: str) -> bytes:
    """A shipped recording as it lies there."""
    return (DATA / manifest()[name]["audio"]).read_bytes()


@cache
def samples(name: str) -> Int16:
    """A shipped recording as 16 kHz mono int16."""
    with (DATA / manifest()[name]["audio"]).open("rb") as source:
        return np.concatenate(list(read_file(source, max_seconds=60)))


def two_sentences() -> bytes:
    """The beginning of the demo as FLAC: two utterances."""
    return encode(samples("demo")[: TWO_SENTENCES_S * SAMPLE_RATE], "flac", "flac")


def long_speech(repetitions: int) -> bytes:
    """The demo again and again as one FLAC: half a minute of dictation each time."""
    return encode(np.tile(samples("demo"), repetitions), "flac", "flac")


def silence(seconds: float) -> bytes:
    return wav(np.zeros(round(seconds * SAMPLE_RATE), np.int16))


def error_rate(name: str, text: str, *, sentences: int | None = None) -> float:
    """Word errors of `text` against the reference of a shipped recording, or its first sentences, over its words."""
    spoken = manifest()[name]
    reference = " ".join(segment["text"] for segment in spoken["segments"][:sentences]) if sentences else spoken["text"]
    errors = word_errors(reference, text)
    return errors.errors / max(1, errors.words)
