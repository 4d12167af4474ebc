"""README and docs: links lead somewhere, the tree is the tree, the example runs."""

import re
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from service.audio.container import read_file
from service.transcript import SAMPLE_RATE

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
RECORDING = ROOT / "tests" / "data" / "human-en-vm-nobox.flac"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_tree_names_the_folders_that_there_are() -> None:
    tree = re.search(r"```\n(service/ .*?)```", README.read_text("utf-8"), re.DOTALL)
    assert tree
    named = re.findall(r"^( *)([\w/]+)/ ", tree[1], re.MULTILINE)
    top = {name for indent, name in named if not indent}
    parts = {name for indent, name in named if indent}
    assert all((ROOT / name).is_dir() for name in top)
    assert parts == {package.parent.name for package in (ROOT / "service").glob("*/__init__.py")}
    assert top >= {package.parent.name for package in ROOT.glob("*/__init__.py")}


@pytest.mark.slow
def test_example_of_the_readme_prints_the_finals(live_server: str, tmp_path: Path) -> None:
    [example] = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    recording = tmp_path / "visit.wav"
    with RECORDING.open("rb") as source, wave.open(str(recording), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE)
        for pcm in read_file(source, max_seconds=60):
            wav.writeframes(pcm.tobytes())
    code = example.replace("http://127.0.0.1:8000", live_server)
    command = [sys.executable, "-c", code, str(recording)]
    assert "mailbox" in subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
