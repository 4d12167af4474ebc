"""JSON lines: objects, one to a line, whose fields are read with an error that names file, line and field."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Line:
    """One object, `values`, of a file; its `number` counts from 1."""

    path: Path
    number: int
    values: Mapping[str, Any]

    def error(self, field: str, problem: str) -> BadRequest:
        return BadRequest(f"{self.path}, line {self.number}, {field}: {problem}", field=field)

    def string(self, field: str, default: str | None = None) -> str:
        """Raises BadRequest for what is no string, and where there is neither one nor a default."""
        value = self.values.get(field, default)
        if value is None:
            raise self.error(field, "is missing")
        if not isinstance(value, str):
            raise self.error(field, "must be a string")
        return value

    def id(self) -> str:
        """The field of that name. Raises BadRequest where it is missing or empty."""
        name = self.string("id")
        if not name:
            raise self.error("id", "is empty")
        return name

    def strings(self, field: str) -> tuple[str, ...]:
        """Those of a list, none where there is none. Raises BadRequest for what is no list of strings."""
        value = self.values.get(field, [])
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise self.error(field, "must be a list of strings")
        return tuple(value)


def read_objects(path: Path) -> Iterator[Line]:
    """Raises BadRequest that names file and line for what is no object, or a file that cannot be read."""
    for number, text in read_lines(path):
        try:
            values = json.loads(text)
        except ValueError as error:
            raise BadRequest(f"{path}, line {number}: not JSON ({error})", field="manifest") from error
        if not isinstance(values, dict):
            raise BadRequest(f"{path}, line {number}: not a JSON object", field="manifest")
        yield Line(path, number, values)


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, numbered from 1. Raises BadRequest that names the file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror}", field="manifest") from error
    except UnicodeDecodeError as error:
        raise BadRequest(f"{path} is not UTF-8 text", field="manifest") from error
    return ((number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())
