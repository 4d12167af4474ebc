"""docs/streaming.md says the same as /asyncapi.yaml, and docs/rest.md the same as the error tree."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from service.errors import SottoError
from tests.unit.docs.conftest import CheckMessage, Description
from tests.unit.docs.test_asyncapi import descendants

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "streaming.md").read_text("utf-8")


def test_every_message_on_the_page_is_valid(check_message: CheckMessage) -> None:
    shown = [message for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) for message in objects(block)]
    assert {"start", "started", "ack", "partial", "final", "resume", "resumed", "finished", "error"} <= {
        message["type"] for message in shown
    }
    for message in shown:
        check_message(message["type"], message)


def test_every_encoding_is_on_the_page(asyncapi: Description) -> None:
    table = PAGE[PAGE.index("## Audio") : PAGE.index("## Commands")]
    encodings = asyncapi["components"]["schemas"]["AudioFormat"]["properties"]["encoding"]["enum"]
    rows = [name for row in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    assert sorted(name for name in rows if name != "encoding") == sorted(encodings)


def test_endpointing_table_is_that_of_the_description(asyncapi: Description) -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) to ([\d.]+) \|", PAGE, re.MULTILINE)
    shown = {name: (float(default), float(low), float(high)) for name, default, low, high in rows}
    properties = asyncapi["components"]["schemas"]["Endpointing"]["properties"]
    assert shown == {name: (p["default"], p["minimum"], p["maximum"]) for name, p in properties.items()}


def test_error_table_is_that_of_the_description(asyncapi: Description) -> None:
    table = PAGE[PAGE.index("## Errors") : PAGE.index("## Back-pressure")]
    rows = re.findall(r"^\| `(\w+)` \| (\d{4})? ?\|", table, re.MULTILINE)
    channel = asyncapi["channels"]["stream"]
    assert {code: int(close) if close else None for code, close in rows if code != "code"} == {
        entry["code"]: entry["close"] for entry in channel["x-error-codes"]
    }
    for entry in channel["x-close-codes"]:
        assert str(entry["code"]) in PAGE


def test_error_table_of_rest_is_that_of_the_error_tree() -> None:
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", (DOCS / "rest.md").read_text("utf-8"), re.MULTILINE)
    status_of = {error.code: error.status for error in descendants(SottoError)}
    assert rows
    assert {code: int(status) for status, code in rows}.items() <= status_of.items()


def objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that stand behind each other in a text."""
    decoder = json.JSONDecoder()
    at = 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        yield value
