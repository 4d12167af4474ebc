"""Manifests of the training pipeline: one example a line, from a seed sentence to filtered speech."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from models.jsonl import Line, read_objects

FIELDS = ("id", "audio", "duration", "text", "language", "source", "voice", "keywords", "scores")


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence, and its recording where there is one yet.

    `audio`: absolute; `duration` in seconds. `source` says where text or speech comes from (`seed`, `human`,
    `grammar`, `kokoro`, …), `voice` who speaks, `keywords` which phrases are in the text. `scores` hold what stages
    measured, by name. `extra`: fields that no stage knows; they are handed on.
    """

    id: str
    text: str
    language: str = "en"
    audio: Path | None = None
    duration: float | None = None
    source: str = ""
    voice: str = ""
    keywords: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def scored(self, **scores: float) -> "Example":
        """The example with these scores beside its own."""
        return replace(self, scores={**self.scores, **scores})

    def to_line(self, folder: Path) -> str:
        """The line of a manifest in `folder`; audio below it is written relative to it."""
        audio = self.audio
        if audio is not None and audio.is_relative_to(folder):
            audio = audio.relative_to(folder)
        values = {
            "id": self.id,
            "audio": str(audio) if audio is not None else None,
            "duration": self.duration,
            "text": self.text,
            "language": self.language,
            "source": self.source or None,
            "voice": self.voice or None,
            "keywords": list(self.keywords) or None,
            "scores": dict(self.scores) or None,
        } | dict(self.extra)
        return json.dumps({name: value for name, value in values.items() if value is not None}, ensure_ascii=False)


def read_examples(path: Path, *, labelled: bool = True) -> Iterator[Example]:
    """The examples of a manifest, in order. Raises BadRequest that names file, line and field.

    `labelled`: every example must have a text; else one that has none gets an empty one.
    """
    seen: set[str] = set()
    for line in read_objects(path):
        example = _example(line if labelled else replace(line, values={"text": "", **line.values}))
        if example.id in seen:
            raise line.error("id", f"{example.id!r} names another example already")
        seen.add(example.id)
        yield example


def _example(line: Line) -> Example:
    values = line.values
    duration, scores = values.get("duration"), values.get("scores", {})
    if duration is not None and not _is_number(duration):
        raise line.error("duration", "must be a number of seconds")
    if not isinstance(scores, dict) or not all(_is_number(score) for score in scores.values()):
        raise line.error("scores", "must be an object of numbers")
    return Example(
        id=line.id(),
        text=line.string("text"),
        language=line.string("language", "en"),
        audio=line.path.parent / line.string("audio") if values.get("audio") is not None else None,
        duration=duration,
        source=line.string("source", ""),
        voice=line.string("voice", ""),
        # `bias` is what manifests for scoring call the phrases that are spoken
        keywords=line.strings("keywords" if "keywords" in values else "bias"),
        scores=scores,
        extra={key: value for key, value in values.items() if key not in FIELDS},
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
