"""`sotto stream`, `transcribe` and `bias-lists` as a person runs them, against a real server."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service.audio.container import read_file
from tests.e2e.commands import sotto, sotto_here

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[1] / "data"
CLIP = DATA / "human-en-vm-newuser.flac"
NOBODY = "http://127.0.0.1:9"


def raw(path: Path) -> bytes:
    with path.open("rb") as source:
        return b"".join(samples.tobytes() for samples in read_file(source, max_seconds=60, filename=path.name))


def test_stream_prints_plain_finals_into_a_pipe(live_server: str) -> None:
    done = sotto("stream", CLIP, "--url", live_server, "--language", "en", "--speed", "3")
    assert done.returncode == 0
    assert done.stdout.startswith("[00:0")
    assert "guide you through a short setup" in done.stdout
    assert "\x1b" not in done.stdout


def test_stream_reads_raw_samples_from_standard_input(live_server: str) -> None:
    done = sotto("stream", "-", "--url", live_server, "--language", "en", "--json", stdin=raw(CLIP))
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert (events[0]["type"], events[-1]["type"]) == ("started", "finished")
    assert "setup" in " ".join(event["text"] for event in events if event["type"] == "final")


def test_ctrl_c_brings_the_last_words_and_status_130(live_server: str) -> None:
    command = [sys.executable, "-m", "service.cli", "stream", "-", "--url", live_server, "--language", "en", "--json"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(raw(CLIP))
        process.stdin.flush()
        types = []
        for line in process.stdout:
            event = json.loads(line)
            types.append(event["type"])
            if event["type"] == "ack" and event["bytes"] > 100_000 and "interrupted" not in types:
                types.append("interrupted")
                os.kill(process.pid, signal.SIGINT)
    assert types[-1] == "finished"
    assert "final" in types
    assert process.returncode == 130


def test_transcribe_writes_one_file_per_recording(live_server: str, tmp_path: Path) -> None:
    other = DATA / "human-en-vm-nobox.flac"
    done = sotto("transcribe", CLIP, other, "--format", "srt", "--output-dir", tmp_path / "out", "--url", live_server)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "out" / f"{path.stem}.srt") for path in (CLIP, other)]
    assert "-->" in (tmp_path / "out" / f"{CLIP.stem}.srt").read_text()


def test_names_are_given_by_file_and_by_list(live_server: str, tmp_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_text("phrase,boost\nmailbox,1.5\nLoewe,high\n")
    there = ("--url", live_server)
    put = sotto("bias-lists", "put", "commands", names, *there)
    assert (put.returncode, put.stdout) == (0, "commands: version 1, 1 entry\n")
    assert "entry 2 is left out: boost must be a number: 'Loewe'" in put.stderr
    kept = tmp_path / "kept.json"
    kept.write_text(sotto("bias-lists", "get", "commands", *there).stdout)
    assert json.loads(kept.read_text())["phrases"] == [{"phrase": "mailbox", "boost": 1.5}]
    assert sotto("bias-lists", "put", "commands", kept, *there).returncode == 0
    [listed] = [
        each for each in json.loads(sotto("bias-lists", "list", "--json", *there).stdout) if each["name"] == "commands"
    ]
    assert listed["entries"] == 1
    assert "commands" in sotto("bias-lists", "list", *there).stdout
    biased = ("--bias", kept, "--bias-list", "commands", "--bias-strength", "0.5", *there)
    done = sotto("transcribe", CLIP, "--format", "json", "--language", "en", *biased)
    told = json.loads(done.stdout)["bias"]
    assert (told["entries"], told["strength"], told["lists"][0]["name"]) == (2, 0.5, "commands")
    streamed = sotto("stream", CLIP, "--json", "--language", "en", "--speed", "5", *biased)
    started, *_ = map(json.loads, streamed.stdout.splitlines())
    assert started["bias"]["entries"] == 2
    assert "deleted" in sotto("bias-lists", "delete", "commands", *there).stdout
    gone = sotto("bias-lists", "get", "commands", *there)
    assert (gone.returncode, gone.stdout, gone.stderr) == (2, "", "error: no bias list 'commands' (name)\n")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["transcribe", "none.wav", "--url", NOBODY], 2, "none.wav: No such file"),
        (["stream", "none.wav", "--url", NOBODY], 2, "none.wav: No such file"),
        (["stream", str(DATA), "--url", NOBODY], 2, "Is a directory"),
        (["transcribe", str(CLIP), "--url", NOBODY], 1, "no server answers at http://127.0.0.1:9"),
        (["stream", str(CLIP), "--url", NOBODY], 1, "no server answers at ws://127.0.0.1:9/v1/stream"),
        (["stream", str(CLIP), "--url", "localhost"], 2, "'localhost' is not an http"),
        (["transcribe", str(CLIP), "--bias", "none.txt", "--url", NOBODY], 2, "none.txt: No such file"),
        (["stream", str(CLIP), "--bias", str(CLIP), "--url", NOBODY], 2, "not UTF-8"),
        (["bias-lists", "put", "names", "none.txt", "--url", NOBODY], 2, "none.txt: No such file"),
        (["bias-lists", "list", "--url", NOBODY], 1, "no server answers at http://127.0.0.1:9"),
        (["bias-lists", "list", "--url", "localhost"], 2, "'localhost' is not an http"),
        (["loadtest", "run", "none.yaml", "--url", NOBODY], 2, "none.yaml: No such file"),
    ],
)
def test_mistakes_are_one_clear_line(arguments: list[str], status: int, message: str) -> None:
    done = sotto_here(*arguments)
    assert done.returncode == status
    assert done.stdout == ""
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_server_errors_are_one_clear_line(live_server: str, tmp_path: Path) -> None:
    text = tmp_path / "note.wav"
    text.write_text("this is no audio")
    for arguments in (["transcribe", text], ["stream", text], ["stream", CLIP, "--model", "gigantic"]):
        done = sotto(*arguments, "--url", live_server)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1


def test_load_test_reports_and_passes(live_server: str, tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    done = sotto("loadtest", "run", "smoke", "--url", live_server, "--json", out)
    report = json.loads(out.read_text())
    assert done.returncode == 0, done.stdout
    assert report["errors"] == {}
    assert report["breaches"] == []
    assert report["summary"]["utterances"] >= 2
    assert "final after true end of speech" in done.stdout
