"""The keywords that new sentences shall hold: a bias list, where each entry may also say its class.

`class` is a column of CSV or a field of a JSON entry: person, brand, drug, … Any word will do; entries of one class
take each other's places in sentences.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.biasing.entries import Entry, check
from service.biasing.formats import format_of, parse
from service.errors import BadRequest

CLASS = "class"


@dataclass(frozen=True, slots=True)
class Keyword:
    """`kind`: its class, empty where the list says none. `sounds_like`: spellings of how people say it."""

    phrase: str
    kind: str = ""
    sounds_like: tuple[str, ...] = ()


def read_keywords(path: Path) -> tuple[Keyword, ...]:
    """The keywords of a list. Raises BadRequest that names the file and the first bad entry."""
    entries, kinds = _read(path)
    return tuple(Keyword(entry.phrase, kinds.get(entry.phrase, ""), entry.sounds_like) for entry in entries)


def read_entries(path: Path) -> tuple[Entry, ...]:
    """The same list for biasing and scoring, to which classes are nothing. Raises as `read_keywords`."""
    return _read(path)[0]


def _read(path: Path) -> tuple[tuple[Entry, ...], dict[str, str]]:
    """Entries, and classes by phrase."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror}", field="keywords") from error
    try:
        raw, kinds = _without_class(data, path)
        checked = check(raw, field="keywords")
    except BadRequest as error:
        raise BadRequest(f"{path}: {error.message}", field="keywords") from error
    for rejection in checked.rejected:
        problem = f"entry {rejection.index + 1}, {rejection.phrase!r}: {rejection.message}"
        raise BadRequest(f"{path}: {problem}", field="keywords")
    if not checked.accepted:
        raise BadRequest(f"{path}: has no entries", field="keywords")
    return checked.accepted, kinds


def _without_class(data: bytes, path: Path) -> tuple[list[Any], dict[str, str]]:
    """Raw entries as bias lists have them, and the classes by phrase."""
    if format_of(path.name) == "csv":
        data, kinds = _csv_without_class(data)
        return parse(data, "csv", field="keywords"), kinds
    entries, kinds = parse(data, format_of(path.name), field="keywords"), {}
    for index, entry in enumerate(entries):
        if isinstance(entry, Mapping) and CLASS in entry:
            kind = entry[CLASS]
            if not isinstance(kind, str):
                raise BadRequest(f"entry {index + 1}, class: must be a string", field="keywords")
            entries[index] = {name: value for name, value in entry.items() if name != CLASS}
            kinds[str(entry.get("phrase"))] = kind.strip()
    return entries, kinds


def _csv_without_class(data: bytes) -> tuple[bytes, dict[str, str]]:
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error):
        return data, {}  # `parse` says what is wrong
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    if CLASS not in header or "phrase" not in header:
        return data, {}
    column, phrase = header.index(CLASS), header.index("phrase")
    kinds = {row[phrase].strip(): row[column].strip() for row in rows[1:] if len(row) > max(column, phrase)}
    text = io.StringIO()
    csv.writer(text).writerows(row[:column] + row[column + 1 :] for row in rows)
    return text.getvalue().encode(), kinds
