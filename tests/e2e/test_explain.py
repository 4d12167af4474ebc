"""`sotto explain` as a person runs it: no server, the real model."""

import json
from pathlib import Path

import pytest

from tests.conftest import DATA
from tests.e2e.commands import sotto

pytestmark = pytest.mark.slow

CLIP, DEMO = DATA / "human-en-vm-newuser.flac", DATA / "demo.flac"
NAME = "Comedien Maille"


@pytest.fixture
def names(tmp_path: Path, base_model_dir: Path) -> Path:
    assert base_model_dir
    path = tmp_path / "names.txt"
    path.write_text(f"{NAME}\nZibbledonk\n🍷\n", "utf-8")
    return path


def test_the_page_says_why_a_name_was_written(names: Path) -> None:
    done = sotto("explain", CLIP, "--bias", names, "--language", "en", "--phrase", "zibbledonk")
    assert done.returncode == 0, done.stderr
    assert f"[{NAME}]" in done.stdout
    assert "Why Zibbledonk?" in done.stdout
    assert "too unlikely" in " ".join(done.stdout.split())
    assert "\x1b" not in done.stdout
    assert "entry 3 is left out" in done.stderr


def test_json_has_every_step(names: Path) -> None:
    done = sotto("explain", CLIP, "--bias", names, "--bias-strength", "1.5", "--json")
    [explanation] = [json.loads(line) for line in done.stdout.splitlines()]
    assert (explanation["utterance"], explanation["language"]) == (1, "en")
    assert explanation["told"] == [NAME]
    [decision] = [each for each in explanation["decisions"] if each["phrase"] == NAME]
    assert decision["accepted"]
    assert decision["total"] == pytest.approx(
        decision["score"] + decision["per_nat"] * (decision["gain"] or 0), abs=0.02
    )
    assert NAME in explanation["text"]


def test_one_utterance_of_many(names: Path) -> None:
    done = sotto("explain", DEMO, "--bias", names, "--language", "en", "--utterance", "2", "--json")
    [explanation] = [json.loads(line) for line in done.stdout.splitlines()]
    assert explanation["utterance"] == 2
    assert explanation["start"] > 0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--phrase", "Loewe"], "Loewe"),
        (["--utterance", "99"], "--utterance 99"),
        (["--bias-strength", "0"], "--bias-strength 0"),
        (["--language", "xx"], "'xx'"),
        (["--model", "no-such-model"], "no-such-model"),
    ],
)
def test_what_cannot_be_explained_is_said_in_one_line(names: Path, arguments: list[str], named: str) -> None:
    done = sotto("explain", CLIP, "--bias", names, *arguments)
    assert done.returncode != 0
    assert named in done.stderr.splitlines()[-1]
    assert done.stdout == ""


def test_files_that_cannot_be_used_are_named(names: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("🍷\n", "utf-8")
    for recording, listed, named in (
        (CLIP, tmp_path / "none.txt", "none.txt"),
        (CLIP, empty, "empty.txt"),
        (tmp_path / "none.flac", names, "none.flac"),
        (names, names, "file"),
        (DATA / "music.flac", names, "music.flac"),
    ):
        done = sotto("explain", recording, "--bias", listed)
        assert done.returncode == 2, done.stderr
        assert named in done.stderr
