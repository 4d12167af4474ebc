"""SIGKILL in the middle of the stage: no process stays behind, and going on gives what an undisturbed run gives."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil

from models.manifest import Example
from models.stage import read_stage
from tests.speaking_endpoint import SpeakingEndpoint, speaking_endpoint

SENTENCES = [Example(f"s{number}", f"This is sentence number {number} of some.") for number in range(12)]
ENDS_S = 60


def command(endpoint: SpeakingEndpoint, folder: Path, run: str) -> list[str]:
    toml = endpoint.write_toml(folder / "speech.toml")
    (folder / "in.jsonl").write_text("".join(each.to_line(folder) + "\n" for each in SENTENCES), "utf-8")
    start = "from service.cli import main; main()"
    arguments = ["models", "synthesize", str(folder / run), "--from", str(folder / "in.jsonl"), "--voices", str(toml)]
    return [sys.executable, "-c", start, *arguments, "--processes", "2"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "synthesize" / "audio").iterdir()}


def test_a_run_that_is_killed_leaves_nobody_behind_and_goes_on(tmp_path: Path) -> None:
    with speaking_endpoint() as endpoint:
        subprocess.run(command(endpoint, tmp_path, "whole"), check=True)
        endpoint.mute_after = 2 * len(endpoint.requests) - 3  # babble and most clips
        stage = subprocess.Popen(command(endpoint, tmp_path, "killed"))
        assert endpoint.muted.wait(ENDS_S)
        children = psutil.Process(stage.pid).children(recursive=True)
        stage.send_signal(signal.SIGKILL)
        stage.wait()
        _, alive = psutil.wait_procs(children, timeout=ENDS_S)
        assert not alive
        assert children
        kept = len(read_stage(tmp_path / "killed" / "synthesize"))
        assert kept < len(SENTENCES)
        endpoint.mute_after = None
        endpoint.unmuted.set()
        subprocess.run(command(endpoint, tmp_path, "killed"), check=True)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    killed, whole = (sorted(map(repr, read_stage(tmp_path / run / "synthesize"))) for run in ("killed", "whole"))
    assert [line.replace("/killed/", "/whole/") for line in killed] == whole
