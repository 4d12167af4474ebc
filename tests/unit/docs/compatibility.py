"""Reads the tables of docs/compatibility.md."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "compatibility.md"


@dataclass(frozen=True, slots=True)
class Row:
    status: str
    note: str


def table(section: str, title: str) -> dict[str, Row]:
    """The rows under a title of a section, by the name in their first column."""
    page = PAGE.read_text("utf-8")
    part = re.split(r"^## ", page, flags=re.MULTILINE)
    [body] = [text for text in part if text.startswith(section + "\n")]
    [under] = [text for text in re.split(r"^### ", body, flags=re.MULTILINE) if text.startswith(title + "\n")]
    rows = re.findall(r"^\| `(.+?)` \| ([a-z ]+?) \| ?(.*?) ?\|$", under, re.MULTILINE)
    assert rows, f"no table under {section} / {title}"
    assert len({name for name, _, _ in rows}) == len(rows), f"a row twice under {section} / {title}"
    return {name: Row(status, note) for name, status, note in rows}
