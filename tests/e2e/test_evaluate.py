"""`sotto eval` as a person runs it, against a real server."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.commands import Done, sotto, sotto_here

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[1] / "data"
NOBODY = "http://127.0.0.1:9"
ITEMS = [
    {
        "id": "mailbox",
        "audio": "human-en-vm-nobox.flac",
        "text": "You cannot reply to this message because the sender does not have a mailbox.",
        "language": "en",
        "bias": ["mailbox"],
        "kind": "message",
    },
    {
        "id": "alone",
        "audio": "human-es-conf-onlyone.flac",
        "text": "Actualmente solo hay otro participante en la conferencia.",
        "language": "es",
        "kind": "conference",
    },
]


def evaluate(*arguments: str | Path) -> Done:
    return sotto("eval", *arguments)


def write_manifest(folder: Path, *items: dict[str, Any]) -> Path:
    for recording in {item["audio"] for item in ITEMS}:
        if not (folder / recording).exists():
            (folder / recording).symlink_to(DATA / recording)
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items), "utf-8")
    return path


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return write_manifest(tmp_path, *ITEMS)


@pytest.fixture
def phrases(tmp_path: Path) -> Path:
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"phrases": ["mailbox", "Loro Piana"]}), "utf-8")
    return path


def test_table_has_the_scores_by_group(manifest: Path, live_server: str) -> None:
    done = evaluate(manifest, "--by", "kind", "--url", live_server)
    assert done.returncode == 0, done.stderr
    groups = [line.split("│")[1].strip() for line in done.stdout.splitlines() if line.startswith("│")]
    assert groups == ["all", "kind message", "kind conference"]
    assert "2/2" in done.stderr


def test_json_transcripts_and_details_agree(manifest: Path, phrases: Path, tmp_path: Path, live_server: str) -> None:
    hyp, details = tmp_path / "hyp.jsonl", tmp_path / "details.jsonl"
    done = evaluate(manifest, "--bias", phrases, "--json", "--hyp-out", hyp, "--details", details, "--url", live_server)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["all"]
    assert (figures["utts"], figures["phrases"], figures["phrase_recall"]) == (2, 1, 100.0)
    texts = {line["id"]: line["text"] for line in map(json.loads, hyp.read_text("utf-8").splitlines())}
    assert "mailbox" in texts["mailbox"]
    assert {line["id"]: line["hyp"] for line in map(json.loads, details.read_text("utf-8").splitlines())} == texts


def test_compare_transcribes_without_bias_as_well(
    manifest: Path, phrases: Path, tmp_path: Path, live_server: str
) -> None:
    done = evaluate(
        *(manifest, "--language-list", f"en={phrases}", "--compare", "--json"),
        *("--hyp-out", tmp_path / "hyp.jsonl", "--limit", "1", "--url", live_server),
    )
    assert done.returncode == 0, done.stderr
    assert {run: scores["all"]["utts"] for run, scores in json.loads(done.stdout).items()} == {"no bias": 1, "bias": 1}
    assert (tmp_path / "hyp.jsonl").read_text("utf-8").count("\n") == 1
    assert (tmp_path / "hyp.no-bias.jsonl").read_text("utf-8").count("\n") == 1


def test_lists_are_gone_from_the_server_afterwards(manifest: Path, phrases: Path, live_server: str) -> None:
    before = httpx.get(f"{live_server}/v1/bias-lists").json()["data"]
    assert evaluate(manifest, "--bias", phrases, "--limit", "1", "--url", live_server).returncode == 0
    assert httpx.get(f"{live_server}/v1/bias-lists").json()["data"] == before


def test_items_may_bring_keywords_of_their_own(tmp_path: Path, live_server: str) -> None:
    keywords = ["mailbox", *(f"Distractor {number}" for number in range(1500))]
    manifest = write_manifest(tmp_path, ITEMS[0] | {"keywords": keywords})
    done = evaluate(manifest, "--json", "--url", live_server)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["all"]["phrase_recall"] == 100.0


def test_streams_give_transcripts_too(tmp_path: Path, phrases: Path, live_server: str) -> None:
    manifest = write_manifest(tmp_path, ITEMS[0])
    done = evaluate(manifest, "--bias", phrases, "--live", "--json", "--url", live_server)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["all"]["phrase_recall"] == 100.0


def test_entry_that_does_not_count_is_told(manifest: Path, tmp_path: Path, live_server: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text("mailbox\n!?\n", "utf-8")
    done = evaluate(manifest, "--bias", path, "--limit", "1", "--url", live_server)
    assert done.returncode == 0
    assert "entry 2 is left out" in done.stderr


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({"text": None}, (), "manifest.jsonl, line 1, text: is missing"),
        ({"bias": "mailbox"}, (), "manifest.jsonl, line 1, bias: must be a list of strings"),
        ({"audio": "none.flac"}, (), "mailbox: there is no "),
        ({}, ("--bias", "none.json"), "none.json: No such file"),
        ({}, ("--language-list", "fr"), "--language-list fr: write it as fr=LIST"),
        ({}, ("--compare",), "--compare needs --bias"),
        ({}, ("--hyp-out", "none/hyp.jsonl"), "none/hyp.jsonl cannot be written"),
    ],
)
def test_mistake_is_told_before_anything_is_sent(
    tmp_path: Path, change: dict[str, Any], arguments: tuple[str, ...], message: str
) -> None:
    done = sotto_here("eval", write_manifest(tmp_path, ITEMS[0] | change), *arguments, "--url", NOBODY)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_recording_that_cannot_be_read_is_named(tmp_path: Path, live_server: str) -> None:
    (tmp_path / "broken.flac").write_bytes(b"no audio")
    done = evaluate(write_manifest(tmp_path, ITEMS[0] | {"audio": "broken.flac"}), "--url", live_server)
    assert done.returncode == 2
    assert "broken.flac: " in done.stderr
