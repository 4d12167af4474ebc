"""base, taken apart, converted again and registered under another id, is served and says the same."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.conftest import DATA
from tests.e2e.recordings import flac
from tests.stack import Stack
from tests.tiny_whisper import skip_without_training

CLIP = "human-en-vm-newpassword"
MODEL = "base-again"

pytestmark = pytest.mark.slow


def sotto_models(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "service.cli", "models", *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def transcript(url: str, model: str) -> httpx.Response:
    return httpx.post(
        f"{url}/v1/audio/transcriptions", files={"file": flac(CLIP)}, data={"model": model}, timeout=60
    ).raise_for_status()


def test_base_imported_converted_and_registered_says_the_same(
    live_stack: Stack, base_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without_training()
    monkeypatch.setenv("SOTTO_DATA_DIR", str(tmp_path))
    sotto_models("import-ct2", base_model_dir, tmp_path / "hf")
    speech = ("--speech", DATA / "manifest.jsonl", "--utterances", "2")
    sotto_models("convert", tmp_path / "hf", tmp_path / "ct2", "--quantization", "float16", *speech)
    sotto_models("register", tmp_path / "ct2", MODEL, "--base", "base", "--licence", "MIT")
    assert sotto_models("verify", MODEL) == f"{MODEL}: verified\n"

    folder = tmp_path / "stack"
    folder.mkdir()
    stack = Stack(folder, SOTTO_DATA_DIR=str(tmp_path), SOTTO_MODEL=MODEL)
    try:
        _, url = stack.gateway()
        stack.worker()
        stack.ready(url)
        assert transcript(url, MODEL).json() == transcript(live_stack.url, "base").json()
    finally:
        stack.close()
