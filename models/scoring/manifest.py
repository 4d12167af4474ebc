"""Reading JSON lines: manifests of recordings with their references, and transcripts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.jsonl import Line, read_objects
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
        for line in read_objects(path):
            item = _item(line)
            if item.id in items:
                raise line.error("id", f"{item.id!r} names another item already")
            items[item.id] = item
        if len(items) == known:
            raise BadRequest(f"{path} has no items", field="manifest")
    return list(items.values())


def read_transcripts(path: Path) -> dict[str, str]:
    """Texts by item id, from lines with `id` and `text`. Raises BadRequest as `read_manifests` does."""
    return {line.string("id"): line.string("text") for line in read_objects(path)}


def _item(line: Line) -> Item:
    return Item(
        id=line.id(),
        audio=line.path.parent / line.string("audio"),
        text=line.string("text"),
        language=line.string("language", "en"),
        bias=line.strings("bias"),
        keywords=line.strings("keywords"),
        fields=line.values,
    )
