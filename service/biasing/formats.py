"""Bias lists as people write them: JSON, CSV or plain text, to raw entries for `entries.check`.

JSON is an array of entries, or an object that holds one as `phrases` or `entries`. CSV has a header that names its
columns, else its first column holds the phrases. Plain text has one phrase a line, and comments behind a `#` at the
start of one.
"""

import csv
import io
import json
from pathlib import PurePath
from typing import Any, Literal

from service.errors import BadRequest

ListFormat = Literal["json", "csv", "text"]

COLUMNS = ("phrase", "boost", "sounds_like", "language")
BETWEEN_SPELLINGS = ";"
_BY_SUFFIX: dict[str, ListFormat] = {".json": "json", ".csv": "csv", ".txt": "text"}


def format_of(filename: str) -> ListFormat:
    """The format that a file name tells; plain text when it tells none."""
    return _BY_SUFFIX.get(PurePath(filename).suffix.lower(), "text")


def parse(data: bytes, list_format: ListFormat, *, field: str = "entries") -> list[Any]:
    """Raw entries, not yet checked. Raises BadRequest, which names `field`, when the whole cannot be read."""
    if list_format == "json":
        return _json_entries(parse_json(data, field=field), field)
    text = _decode(data, field)
    return _csv_entries(text, field) if list_format == "csv" else _text_entries(text)


def parse_json(data: bytes, *, field: str) -> Any:
    """Any JSON value. Raises BadRequest, which names `field`."""
    try:
        return json.loads(_decode(data, field))
    except RecursionError as error:
        raise BadRequest("the JSON is nested too deeply", field=field) from error
    except ValueError as error:
        raise BadRequest(f"not JSON: {error}", field=field) from error


def _decode(data: bytes, field: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRequest(f"not UTF-8: byte {error.start} is 0x{data[error.start]:02x}", field=field) from error


def _json_entries(value: Any, field: str) -> list[Any]:
    if isinstance(value, dict):
        value = value.get("phrases", value.get("entries"))
    if not isinstance(value, list):
        raise BadRequest("expected an array of entries, or an object with one as `phrases` or `entries`", field=field)
    return value


def _text_entries(text: str) -> list[Any]:
    lines = [line.strip() for line in text.split("\n")]
    return [line for line in lines if line and not line.startswith("#")]


def _csv_entries(text: str, field: str) -> list[Any]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        cells = [[cell.strip() for cell in row] for row in rows]
    except csv.Error as error:
        raise BadRequest(f"not CSV: line {rows.line_num}: {error}", field=field) from error
    filled = [row for row in cells if any(row)]
    if not filled or "phrase" not in [cell.lower() for cell in filled[0]]:
        return [row[0] for row in filled]
    header = [cell.lower() for cell in filled[0]]
    for column in header:
        if column not in COLUMNS or header.count(column) > 1:
            raise BadRequest(f"column {column[:100]!r}; the columns are {', '.join(COLUMNS)}", field=field)
    return [_csv_entry(dict(zip(header, row, strict=False))) for row in filled[1:]]


def _csv_entry(cells: dict[str, str]) -> dict[str, Any]:
    """An entry with the cells that are not empty."""
    entry: dict[str, Any] = {"phrase": cells.get("phrase", "")}
    if boost := cells.get("boost"):
        entry["boost"] = _number(boost)
    if spellings := cells.get("sounds_like"):
        entry["sounds_like"] = [each.strip() for each in spellings.split(BETWEEN_SPELLINGS) if each.strip()]
    if language := cells.get("language"):
        entry["language"] = language
    return entry


def _number(cell: str) -> float | str:
    """The number, or the cell as it is: then its entry is rejected, not the list."""
    try:
        return float(cell)
    except ValueError:
        return cell
