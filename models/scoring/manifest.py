"""Reading JSON lines: manifests of recordings with their references, and transcripts."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Item:
    """One recording and what is said in it; `text` is empty where nothing is.

    `bias`: the list phrases that are really spoken. `keywords`: a bias list of this item alone. `fields`: all that its
    line says, to group by.
    """

    id: str
    audio: Path
    text: str
    language: str = "en"
    bias: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)


def read_manifests(paths: Iterable[Path]) -> list[Item]:
    """The items of all manifests; audio paths count from the manifest's folder.

    Raises BadRequest that names file, line and field for the first thing that cannot be used.
    """
    items: dict[str, Item] = {}
    for path in paths:
        known = len(items)
        for line in _lines(path):
            item = _item(line)
            if item.id in items:
                raise line.error("id", f"{item.id!r} names another item already")
            items[item.id] = item
        if len(items) == known:
            raise BadRequest(f"{path} has no items", field="manifest")
    return list(items.values())


def read_transcripts(path: Path) -> dict[str, str]:
    """Texts by item id, from lines with `id` and `text`. Raises BadRequest as `read_manifests` does."""
    return {line.string("id"): line.string("text") for line in _lines(path)}


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, numbered from 1. Raises BadRequest that names the file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror}", field="manifest") from error
    except UnicodeDecodeError as error:
        raise BadRequest(f"{path} is not UTF-8 text", field="manifest") from error
    return ((number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())


@dataclass(frozen=True, slots=True)
class _Line:
    path: Path
    number: int
    values: Mapping[str, Any]

    def error(self, field: str, problem: str) -> BadRequest:
        return BadRequest(f"{self.path}, line {self.number}, {field}: {problem}", field=field)

    def string(self, field: str, default: str | None = None) -> str:
        value = self.values.get(field, default)
        if value is None:
            raise self.error(field, "is missing")
        if not isinstance(value, str):
            raise self.error(field, "must be a string")
        return value

    def strings(self, field: str) -> tuple[str, ...]:
        value = self.values.get(field, [])
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise self.error(field, "must be a list of strings")
        return tuple(value)


def _lines(path: Path) -> Iterator[_Line]:
    for number, text in read_lines(path):
        try:
            values = json.loads(text)
        except ValueError as error:
            raise BadRequest(f"{path}, line {number}: not JSON ({error})", field="manifest") from error
        if not isinstance(values, dict):
            raise BadRequest(f"{path}, line {number}: not a JSON object", field="manifest")
        yield _Line(path, number, values)


def _item(line: _Line) -> Item:
    name = line.string("id")
    if not name:
        raise line.error("id", "is empty")
    return Item(
        id=name,
        audio=line.path.parent / line.string("audio"),
        text=line.string("text"),
        language=line.string("language", "en"),
        bias=line.strings("bias"),
        keywords=line.strings("keywords"),
        fields=line.values,
    )
