"""One model's folder: which files make a model, the manifest of their digests, and what is wrong with them.

A folder is a model when it holds CTranslate2's `model.bin`, `config.json`, a vocabulary and the tokenizer. The
manifest is written last, by whoever put the folder there; a folder without one is judged by its files alone.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from service.errors import BadRequest, Failed

MANIFEST = "manifest.json"
REQUIRED = ("model.bin", "config.json", "tokenizer.json", "vocabulary.*")
MULTILINGUAL_EOT = 50257  # <|endoftext|> is 50256 in Whisper's English-only vocabulary (openai/whisper, tokenizer.py)


@dataclass(frozen=True, slots=True)
class FileDigest:
    """A file of a model by its name, size in bytes and SHA-256 in hexadecimal."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Where a model came from and what its files were when they were verified."""

    model_id: str
    source: str
    licence: str
    files: tuple[FileDigest, ...]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Atomically writes `manifest.json` into `folder`."""
    part = folder / f".{MANIFEST}.part"
    part.write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    part.replace(folder / MANIFEST)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of `folder`, None when it has none. Raises ValueError when it is not a manifest."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        files = tuple(FileDigest(**file) for file in fields.pop("files"))
        return Manifest(**fields, files=files)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{MANIFEST} is not a manifest: {error}") from error


def digest(path: Path) -> FileDigest:
    """Reads the whole file."""
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return FileDigest(path.name, path.stat().st_size, sha256)


def digests(folder: Path) -> tuple[FileDigest, ...]:
    """One digest for every file of `folder` but the manifest, by name."""
    return tuple(digest(path) for path in sorted(folder.iterdir()) if path.is_file() and path.name != MANIFEST)


def size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def is_multilingual(folder: Path) -> bool:
    """Tells a multilingual vocabulary from an English-only one by the end-of-text token that config.json suppresses.

    Raises ValueError when config.json cannot be read as JSON.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return isinstance(config, dict) and MULTILINGUAL_EOT in config.get("suppress_ids_begin", ())


def problems(folder: Path, pinned: tuple[FileDigest, ...] = (), *, hashed: bool = False) -> list[str]:
    """What is wrong with the model in `folder`; empty when nothing is.

    Sizes are compared with `pinned`, or with the manifest where nothing is pinned; contents too when `hashed`,
    which reads every file.
    """
    missing = [name for name in REQUIRED if not any(path.is_file() for path in folder.glob(name))]
    if missing:
        return [f"{name} is missing" for name in missing]
    try:
        is_multilingual(folder)  # a config.json that is not JSON would fail much later, inside CTranslate2
        manifest = read_manifest(folder)
    except ValueError as error:
        return [f"unreadable JSON: {error}"]
    expected = pinned or (manifest.files if manifest else ())
    return [problem for file in expected if (problem := _difference(folder, file, hashed=hashed))]


def _difference(folder: Path, expected: FileDigest, *, hashed: bool) -> str | None:
    path = folder / expected.name
    if not path.is_file():
        return f"{expected.name} is missing"
    if (found := path.stat().st_size) != expected.bytes:
        return f"{expected.name} has {found:,} bytes, not {expected.bytes:,}"
    if hashed and (sha256 := digest(path).sha256) != expected.sha256:
        return f"{expected.name} has SHA-256 {sha256[:12]}…, not {expected.sha256[:12]}…"
    return None


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """An empty folder to fill, which is named `target` when all went well and removed when not.

    What processes that were killed left of the same target is removed, too. Raises BadRequest when there is something
    of that name, Failed when the disk takes no more.
    """
    if target.exists():
        raise BadRequest(f"{target} exists: name another folder, or remove it", field="out")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # the dot keeps it from being taken for a model while it is filled
        prefix = f".{target.name}+"
        _clear(target.parent.glob(f"{prefix}*"))
        staging = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
        with _locked(staging):
            try:
                folder = staging / target.name
                folder.mkdir()
                yield folder
                folder.rename(target)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise Failed(f"cannot write {target}: {error.strerror or error}", field="out") from error


def _clear(left: Iterable[Path]) -> None:
    """Removes folders that nobody fills any more: the system frees the lock of a process that is killed."""
    for folder in left:
        with contextlib.suppress(OSError), _locked(folder):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Raises OSError where another process holds the folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
