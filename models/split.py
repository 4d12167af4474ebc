"""Which seed sentences are learnt from, which say when to stop, and which judge: by id, the same on every machine."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from models.manifest import Example
from models.stage import write_whole
from service.errors import BadRequest

BUCKETS = 1_000


@dataclass(frozen=True, slots=True)
class Split:
    """Sentences to train on, to stop by (`dev`), and to judge by (`test`); none is in two of them."""

    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]


def split(examples: Iterable[Example], *, dev: float, test: float) -> Split:
    """Shares of the examples by their ids. Raises BadRequest when one of the three would be empty."""
    parts: dict[str, list[Example]] = {"train": [], "dev": [], "test": []}
    for example in examples:
        place = zlib.crc32(example.id.encode()) % BUCKETS / BUCKETS
        parts["test" if place < test else "dev" if place < test + dev else "train"].append(example)
    for name, found in parts.items():
        if not found:
            raise BadRequest(f"there are too few seeds: none is left to {name} on", field="seeds")
    return Split(*(tuple(parts[name]) for name in ("train", "dev", "test")))


def write_split(parts: Split, folder: Path) -> None:
    """`train.jsonl`, `dev.jsonl` and `test.jsonl` in a folder, each whole or not at all. Raises StageFull."""
    for name in ("train", "dev", "test"):
        lines = [example.to_line(folder) for example in getattr(parts, name)]
        write_whole(folder / f"{name}.jsonl", "\n".join(lines) + "\n")
