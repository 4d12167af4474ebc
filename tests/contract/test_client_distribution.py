"""sotto-client as people install it: its wheel, alone in an environment, runs the examples of its README."""

import re
import shutil
import subprocess
import sys
import tomllib
import venv
import wave
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
import sotto_client
from sotto_client import AsyncSottoClient, SottoClient, Stream

from service.audio.container import read_file
from service.transcript import SAMPLE_RATE
from tests.conftest import DATA

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "clients" / "python"
EXAMPLES = re.findall(r"```python\n(.*?)```", (PROJECT / "README.md").read_text("utf-8"), re.DOTALL)
PRINTED = [  # by the examples, in order
    "guide you through a short setup",
    "characters in 7 s",
    "",
    "guide you through a short setup",
    "2 entries count",
    "guide you through a short setup",
    "guide you through a short setup",
    "ek_",
    "language: ",
]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(PROJECT))
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=True)
    interpreter = folder / "bin" / "python"
    _pip("--python", str(interpreter), "install", str(wheel))
    return interpreter


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the files that the README speaks of."""
    folder = tmp_path_factory.mktemp("recordings")
    spoken = shutil.copy(DATA / "human-en-vm-newuser.flac", folder / "visit.flac")
    shutil.copy(DATA / "human-fr-followme-status.flac", folder / "visite.flac")
    with spoken.open("rb") as source, wave.open(str(folder / "visit.wav"), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE)
        for pcm in read_file(source, max_seconds=60):
            wav.writeframes(pcm.tobytes())
    return folder


def _pip(*arguments: str) -> None:
    _run(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


def _run(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(command, check=False, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_wheel_holds_the_whole_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        [licence] = [name for name in archive.namelist() if name.endswith("/LICENSE")]
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
    package = Path(sotto_client.__file__).parent
    assert sorted(names) == sorted(f"sotto_client/{path.name}" for path in package.iterdir() if path.is_file())
    assert "sotto_client/py.typed" in names


def test_requirements_are_those_of_sotto(wheel: Path) -> None:
    metadata = _metadata(wheel)
    sotto = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    client = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    assert [requirement.split(">=")[0] for requirement in client["dependencies"]] == ["httpx", "websockets"]
    assert set(client["dependencies"]) <= set(sotto["dependencies"])
    assert len(metadata.get_all("Requires-Dist", ())) == len(client["dependencies"])
    assert (metadata["Name"], metadata["License-Expression"]) == ("sotto-client", "MIT")
    assert metadata["Requires-Python"] == sotto["requires-python"]


def test_examples_show_every_method() -> None:
    text = "\n".join(EXAMPLES)
    for kind in (SottoClient, Stream):
        methods = {name for name in vars(kind) if not name.startswith("_")}
        assert {name for name in methods if f".{name}(" not in text} <= {"close", "stream", "configure"}
    assert AsyncSottoClient.__name__ in text


def test_examples_are_typed_strictly(python: Path, tmp_path: Path) -> None:
    """With the installed package alone, so `py.typed` is found and every type that users meet is known."""
    for number, example in enumerate(EXAMPLES):
        (tmp_path / f"example_{number}.py").write_text(example)
    every = "\n".join(f"reveal_type(sotto_client.{name})" for name in sotto_client.__all__)
    (tmp_path / "every_name.py").write_text(f"import sotto_client\n{every}\n")
    strictly = ("--strict", "--config-file=", f"--python-executable={python}")
    ran = _run(sys.executable, "-m", "mypy", *strictly, ".", cwd=tmp_path)
    revealed = re.findall(r'Revealed type is "(.*)"', ran.stdout)
    assert len(revealed) == len(sotto_client.__all__)
    assert [each for each in revealed if each == "Any"] == []


@pytest.mark.parametrize(("example", "printed"), list(zip(EXAMPLES, PRINTED, strict=True)))
def test_example_runs(python: Path, recordings: Path, live_server: str, example: str, printed: str) -> None:
    code = example.replace("http://127.0.0.1:8000", live_server)
    ran = _run(str(python), "-I", "-W", "error", "-c", code, cwd=recordings)
    assert ran.stderr == ""
    assert ran.stdout.strip()
    assert printed in ran.stdout
