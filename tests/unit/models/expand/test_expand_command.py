"""`sotto models expand`, as a person runs it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.stage import read_stage
from service.commands.models import app
from tests.conftest import DATA
from tests.unit.models.chat_server import Reply, chat_server, fails, says

KEY = "sk-very-secret"
SEEDS = str(DATA / "seeds" / "seeds.jsonl")


@pytest.fixture
def keywords(tmp_path: Path) -> str:
    path = tmp_path / "keywords.csv"
    path.write_text("phrase,class\nGoyard,brand\nReverso,product\nDr Adeyemi,doctor\n")
    return str(path)


def expand(run: Path, keywords: str, *more: str) -> Result:
    arguments = ["expand", str(run), "--seeds", SEEDS, "--keywords", keywords, "--per-keyword", "2", *more]
    return CliRunner().invoke(app, arguments)


def endpoint_file(folder: Path, url: str) -> str:
    path = folder / "chat.toml"
    path.write_text(
        f'url = "{url}"\nmodel = "tiny-chat"\nkey_env = "TINY_CHAT_KEY"\nprice_in = 3\nprice_out = 5\nconcurrency = 1\n'
    )
    return str(path)


SENTENCES = {
    "Goyard": ("He is waiting for a call from Goyard.", "The wallet by Goyard was a present from her father."),
    "Reverso": ("She asked what a new strap for the Reverso costs.", "My Reverso stopped at midnight, so please help."),
    "Dr Adeyemi": ("Dr Adeyemi wants to see the results first.", "I will tell Dr Adeyemi that you cannot come today."),
}


def two_sentences(body: object) -> Reply:
    """With the keyword that is asked for, which stands in the prompt's rules."""
    keyword = str(body).split('Every sentence holds "')[1].split('"')[0]
    return says("\n".join(json.dumps({"text": text}) for text in SENTENCES[keyword]))


def test_without_an_endpoint_the_grammar_writes(tmp_path: Path, keywords: str) -> None:
    result = expand(tmp_path / "run", keywords)
    assert result.exit_code == 0
    assert result.stdout.startswith("6 sentences in ")
    assert len(read_stage(tmp_path / "run" / "expand")) == 6


def test_an_endpoint_writes_and_its_cost_is_told_and_kept(
    tmp_path: Path, keywords: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_CHAT_KEY", KEY)
    with chat_server(two_sentences) as server:
        result = expand(tmp_path / "run", keywords, "--chat", endpoint_file(tmp_path, server.url))
    assert result.exit_code == 0
    assert "tiny-chat: 3 answers, 300 tokens in, 60 out, cost 0.0012" in result.stderr
    assert len(read_stage(tmp_path / "run" / "expand")) == 6
    assert (tmp_path / "run" / "expand" / "usage-1-of-1.jsonl").read_text().count("\n") == 3
    written = "".join(path.read_text() for path in (tmp_path / "run").rglob("*.json*"))
    assert KEY not in result.output + written


def test_an_endpoint_that_fails_ends_in_one_line_with_what_was_paid(
    tmp_path: Path, keywords: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_CHAT_KEY", KEY)
    with chat_server([fails(403, "out of credit")]) as server:
        result = expand(tmp_path / "run", keywords, "--chat", endpoint_file(tmp_path, server.url))
    assert result.exit_code == 2
    assert "error: " in result.stderr
    assert "TINY_CHAT_KEY is refused (403" in result.stderr
    assert "0 answers" in result.stderr
    assert KEY not in result.output


def test_a_key_that_is_not_set_is_told_before_anything_is_written(
    tmp_path: Path, keywords: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TINY_CHAT_KEY", raising=False)
    result = expand(tmp_path / "run", keywords, "--chat", endpoint_file(tmp_path, "http://127.0.0.1:1/v1"))
    assert result.exit_code == 2
    assert "TINY_CHAT_KEY is not set" in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (("--language", "de"), "no seeds with language 'de'"),
        (("--min-words", "9", "--max-words", "3"), "9 to 3 words"),
        (("--shard", "3/2"), "no shard 3 of 2"),
        (("--chat", "nowhere.toml"), "nowhere.toml"),
        (("--keywords", "nowhere.csv"), "nowhere.csv"),
        (("--seeds", "nowhere.jsonl"), "nowhere.jsonl"),
    ],
)
def test_what_cannot_be_is_one_line_and_status_2(
    more: tuple[str, ...], problem: str, tmp_path: Path, keywords: str
) -> None:
    result = expand(tmp_path / "run", keywords, *more)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert problem in result.stderr
    assert result.stderr.count("\n") == 1
