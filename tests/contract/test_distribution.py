"""Sotto as `pip install` has it: without its source tree, with all that its commands read."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import DATA

ROOT = Path(__file__).parents[2]
PARTS = ("service", "models", "loadtest", "clients/python/sotto_client")
READ = (".lua", ".onnx", ".yaml", ".json", ".py", ".flac")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What lies in the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True, timeout=300)
    [built] = folder.iterdir()
    with zipfile.ZipFile(built) as wheel:
        return set(wheel.namelist())


def test_a_wheel_holds_every_file_that_git_knows_of_its_packages(names: set[str]) -> None:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("no git, or no clone, to tell the files of the packages")
    known = subprocess.run([git, "ls-files", *PARTS], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    expected = {name.removeprefix("clients/python/") for name in known.splitlines() if name.endswith(READ)}
    assert len(expected) > 300
    assert expected <= names


def test_a_wheel_holds_the_speech_of_demo_and_load_tests_and_says_whose_it_is(names: set[str]) -> None:
    shipped = {f"loadtest/speech/{path.name}" for path in DATA.iterdir() if path.is_file()}
    assert {"loadtest/speech/demo.flac", "loadtest/speech/manifest.jsonl", "loadtest/speech/README.md"} <= shipped
    assert shipped <= names
