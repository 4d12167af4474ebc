"""A stage of the training pipeline: a folder that fills line by line, and survives being killed at any of them.

    run/
      expand/      options.json  kept-1-of-2.jsonl  dropped-1-of-2.jsonl  done-1-of-2.jsonl  kept-2-of-2.jsonl  …
      synthesize/  options.json  kept-1-of-1.jsonl  …  audio/

`kept` files are manifests, `dropped` ones say why an example went no further, `done` ones which inputs are answered.
A shard is a share of the stage's inputs, chosen by their ids, with files of its own; so processes and machines that
share the folder never write to the same file. An input is done last of all: what a killed stage had written of one
that was not is taken off again. A stage that is started again with the same options goes on where it was, and does
nothing when it is through; with other options it is refused.
"""

import contextlib
import json
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.manifest import Example, read_examples
from service.errors import BadRequest, Failed

OPTIONS = "options.json"


@dataclass(frozen=True, slots=True)
class Shard:
    """The `number`-th of `count` shares, counted from 1. Raises BadRequest for one that there is not."""

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise BadRequest(f"there is no shard {self.number} of {self.count}", field="shard")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """From `2/5`."""
        number, slash, count = text.partition("/")
        if not slash or not number.isdecimal() or not count.isdecimal():
            raise BadRequest(f"a shard is written like 2/5, not {text!r}", field="shard")
        return cls(int(number), int(count))

    def has(self, name: str) -> bool:
        """Whether the input of that id is in this share; the same on every machine."""
        return zlib.crc32(name.encode()) % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}-of-{self.count}"


class StageFull(Failed):
    """The disk took no more; what was written before is whole."""


class Stage:
    """One shard of a stage, open for writing; a context manager.

    Every input is answered by `keep`, `drop` or `part` once, and is not given out again by `waiting`. Raises BadRequest
    when the folder was begun with other options, StageFull when the disk takes no more.
    """

    def __init__(self, folder: Path, options: Mapping[str, Any], shard: Shard | None = None) -> None:
        self.folder = folder
        self.shard = shard or Shard()
        self._options = dict(options)
        self._done: set[str] = set()
        self._files: dict[str, TextIO] = {}

    def __enter__(self) -> Self:
        with room_in(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            settle_options(self.folder / OPTIONS, self._options)
            self._done = set(_mend(self._path("done"), lambda _: True))
            for name in ("kept", "dropped"):
                _mend(self._path(name), lambda line: line["input"] in self._done)
            self._files = {name: self._path(name).open("a", encoding="utf-8") for name in ("kept", "dropped", "done")}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # after an error a close would only fail again, at the line that could not be written
        with contextlib.suppress(OSError) if error else room_in(self.folder):
            for file in self._files.values():
                file.close()

    def waiting(self, inputs: Iterable[Example], *, title: str = "") -> Iterator[Example]:
        """This shard's inputs that are not answered yet, with a bar on the terminal."""
        mine = [each for each in inputs if self.shard.has(each.id)]
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(title or self.folder.name, total=len(mine))
            for each in mine:
                if each.id not in self._done:
                    yield each
                progress.advance(task)

    def keep(self, source: Example, *results: Example) -> None:
        """Writes what became of an input. No results: it was used up."""
        self.part(source, results, ())

    def drop(self, source: Example, reason: str, **scores: float) -> None:
        """Says why an input goes no further."""
        self.part(source, (), [(source.scored(**scores), reason)])

    def part(self, source: Example, kept: Iterable[Example], dropped: Iterable[tuple[Example, str]]) -> None:
        """Writes what became of the parts of an input: which go further, and why the others do not."""
        with room_in(self.folder):
            for result in kept:
                self._write("kept", source, result)
            for result, reason in dropped:
                self._write("dropped", source, result, reason=reason)
            _append(self._files["done"], source.id)
        self._done.add(source.id)

    def _write(self, name: str, source: Example, result: Example, **more: str) -> None:
        _append(self._files[name], json.loads(result.to_line(self.folder)) | more | {"input": source.id})

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}-{self.shard}.jsonl"


def read_stage(folder: Path) -> list[Example]:
    """What all shards of a stage kept, in the order of shards. Raises BadRequest when the stage was not run."""
    manifests = sorted(folder.glob("kept-*.jsonl"))
    if not manifests:
        raise BadRequest(f"{folder} has no output of a stage", field="run")
    found: dict[str, Example] = {}
    for path in manifests:
        for example in read_examples(path):
            if example.id in found:
                raise BadRequest(f"{path}: {example.id!r} is in another shard too", field="id")
            extra = {name: value for name, value in example.extra.items() if name != "input"}
            found[example.id] = replace(example, extra=extra)
    return list(found.values())


def read_source(path: Path) -> list[Example]:
    """The examples of a manifest, or what the stage in a folder kept. Raises BadRequest."""
    return read_stage(path) if path.is_dir() else list(read_examples(path))


def dropped(folder: Path) -> Counter[str]:
    """How many examples all shards of a stage dropped, by reason."""
    lines = (
        json.loads(line) for path in folder.glob("dropped-*.jsonl") for line in path.read_text("utf-8").splitlines()
    )
    return Counter(line["reason"] for line in lines)


def _append(file: TextIO, line: Any) -> None:
    file.write(json.dumps(line, ensure_ascii=False) + "\n")
    file.flush()


def _mend(path: Path, is_whole: Callable[[Any], bool]) -> list[Any]:
    """The lines of a file up to the first that was cut off by a kill or is not whole; what follows is taken off."""
    if not path.exists():
        return []
    raw, lines, end = path.read_bytes(), [], 0
    for text in raw.splitlines(keepends=True):
        try:
            line = json.loads(text)
        except ValueError:
            break
        if not text.endswith(b"\n") or not is_whole(line):
            break
        lines.append(line)
        end += len(text)
    if end < len(raw):
        os.truncate(path, end)
    return lines


def settle_options(path: Path, options: Mapping[str, Any]) -> None:
    """Writes a new stage's options, or compares. Two shards that begin at once write the same.

    Raises BadRequest that names the options that differ.
    """
    written = json.dumps(options, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if not path.exists():
        write_whole(path, written)
    former, now = json.loads(path.read_text("utf-8")), json.loads(written)
    changed = sorted(name for name in former.keys() | now.keys() if former.get(name) != now.get(name))
    if changed:
        raise BadRequest(
            f"{path.parent} was begun with another {', '.join(changed)}: use another folder, or remove it",
            field=changed[0],
        )


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes a file that is there whole or not at all, and its folder. Raises StageFull when the disk takes no more."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with room_in(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content.encode() if isinstance(content, str) else content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def room_in(folder: Path) -> Iterator[None]:
    """Around what writes into `folder`: raises StageFull where the disk takes no more."""
    try:
        yield
    except OSError as error:
        raise StageFull(f"cannot write to {folder}: {error.strerror}", field="run") from error
