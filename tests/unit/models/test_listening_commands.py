"""`sotto models filter`, `pseudo-label` and `evaluate` from end to end: with a tiny random Whisper, and with base."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from models.manifest import Example, read_examples
from models.recordings import read_samples, write_flac
from models.stage import Stage, dropped, read_stage
from models.transcribing import Device, Heard, Speech, WhisperRecogniser
from service.commands.models import app
from service.errors import BadRequest
from tests.conftest import DATA
from tests.unit.models.chat_server import chat_server, fails, says
from tests.unit.models.recognisers import Rehearsed, recording

MANIFEST = DATA / "manifest.jsonl"


@pytest.fixture(autouse=True)
def on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOTTO_DEVICE", "cpu")


def sotto_models(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def refusal(result: Result) -> str:
    """The one line that says what to mend."""
    assert result.exit_code == 2, result.output
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    return last


def spoken(language: str) -> list[Example]:
    """Human recordings of one utterance each."""
    return [each for each in read_examples(MANIFEST) if each.id.startswith(f"human-{language}")]


def synthesized(run: Path, count: int | None = None, language: str = "en") -> list[Example]:
    """A run whose `synthesize` kept human recordings of one utterance each."""
    examples = spoken(language)[:count]
    with Stage(run / "synthesize", {}) as stage:
        for example in examples:
            stage.keep(example, replace(example, voice="allison"))
    return examples


def test_filter_fills_its_folder_and_starts_again_without_work(tiny_ct2: Path, tmp_path: Path) -> None:
    examples = synthesized(tmp_path, 2)
    arguments = ("filter", tmp_path, "--model", tiny_ct2, "--shard", "1/1")
    assert sotto_models(*arguments).exit_code == 0
    assert sum(dropped(tmp_path / "filter").values()) + len(read_stage(tmp_path / "filter")) == len(examples)
    before = {path.name: path.read_bytes() for path in (tmp_path / "filter").glob("*.jsonl")}
    again = sotto_models(*arguments)
    assert again.stdout.strip() == str(tmp_path / "filter" / "report.md")
    assert {path.name: path.read_bytes() for path in (tmp_path / "filter").glob("*.jsonl")} == before
    assert "another max_error" in refusal(sotto_models(*arguments, "--max-error", "0.5"))


def test_pseudo_label_asks_the_endpoint_and_goes_on_after_it_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording(tmp_path / "calls", "one", 16_000)
    recogniser = Rehearsed({16_000: Heard("we will call you back to morrow at the store in Milan before it opens")})
    monkeypatch.setattr("service.commands.model_stages.pseudo_label.load_recogniser", lambda model: recogniser)
    described, names = tmp_path / "chat.toml", tmp_path / "names.txt"
    names.write_text("Moynat\n")
    arguments = ("pseudo-label", tmp_path / "run", tmp_path / "calls", "--chat", described, "--keywords", names)
    arguments = (*arguments, "--max-edit-rate", "0.2")
    folder = tmp_path / "run" / "pseudo-label" / "iteration-1"
    corrected = "We will call you back tomorrow at the store in Milan before it opens."
    with chat_server([fails(401, "bad key"), says(corrected)]) as server:
        described.write_text(f'url = "{server.url}"\nmodel = "small-chat"\n')
        assert "401" in refusal(sotto_models(*arguments))
        assert (folder / "kept-1-of-1.jsonl").read_text() == ""
        second = sotto_models(*arguments)
        assert second.exit_code == 0, second.output
        assert "Moynat" in server.questions[1]
    [kept] = read_stage(folder)
    assert (kept.text, kept.source) == (corrected, "pseudo:chat:small-chat")
    names.write_text("Goyard\n")
    described.write_text('url = "http://127.0.0.1:9/v1"\nmodel = "small-chat"\n')
    assert "another correction" in refusal(sotto_models(*arguments))


def test_evaluate_compares_a_model_with_given_transcripts(tiny_ct2: Path, tmp_path: Path) -> None:
    given = tmp_path / "perfect.jsonl"
    lines = [{"id": each.id, "text": each.text} for each in read_examples(MANIFEST)]
    given.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = sotto_models(
        *("evaluate", MANIFEST, "--out", tmp_path / "out", "--model", tiny_ct2, "--beam-size", "1"),
        *("--transcripts", given, "--resamples", "100"),
    )
    assert result.exit_code == 0, result.output
    assert f"## perfect against {tiny_ct2.name}" in result.stdout
    figures = json.loads((tmp_path / "out" / "report.json").read_text())["slices"][0]["figures"]
    assert figures["perfect"]["ier"]["percent"] == 0
    assert figures[tiny_ct2.name]["ier"]["percent"] > 50


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("filter", "nowhere"), "has no output of a stage"),
        (("filter", "nowhere", "--shard", "3/2"), "no shard 3 of 2"),
        (("filter", "nowhere", "--rules", "kaldi"), "rules must be"),
        (("pseudo-label", "run", "nowhere.jsonl"), "nowhere.jsonl: No such file"),
        (("evaluate", "nowhere.jsonl", "--out", "out", "--model", "base"), "nowhere.jsonl: No such file"),
        (("evaluate", str(MANIFEST), "--out", "out"), "give one --model or --transcripts"),
        (("evaluate", str(MANIFEST), "--out", "out", "--model", "bsae"), "unknown model 'bsae'"),
        (("evaluate", str(MANIFEST), "--out", "out", "--model", "base", "--model", "base"), "both systems are called"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_nothing_is_written(
    arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in refusal(sotto_models(*arguments))
    assert os.listdir(tmp_path) == []


@pytest.fixture(scope="module")
def base(base_model_dir: Path) -> WhisperRecogniser:
    return WhisperRecogniser(base_model_dir, Device("cpu", "int8", threads=2, batch=4))


@pytest.mark.slow
def test_recordings_of_any_length_and_language_are_heard_in_order(base: WhisperRecogniser) -> None:
    clips = [read_samples(DATA / f"human-{name}.flac") for name in ("en-vm-nobox", "fr-ss-noservice", "en-tt-allbusy")]
    pause = np.zeros(20 * 16_000, np.int16)
    long = np.concatenate([clips[0], pause, clips[2]])
    speech = [Speech(clips[0], "en"), Speech(long, "en"), Speech(clips[1], "fr"), Speech(pause, "en")]
    short, joined, french, silence = base.hear(speech, beam_size=5)
    assert "mailbox" in short.text
    assert "mailbox" in joined.text
    assert joined.text.index("mailbox") < joined.text.index("telemarketers")
    assert "numéro" in french.text
    assert silence.text == ""
    assert len(short.alternatives) == 2
    assert joined.alternatives == ()
    with pytest.raises(BadRequest, match="'xx'"):
        base.hear([Speech(clips[0], "xx")], beam_size=1)


@pytest.mark.slow
def test_base_keeps_what_is_read_as_written_and_drops_what_is_not(base_model_dir: Path, tmp_path: Path) -> None:
    examples = synthesized(tmp_path)
    with Stage(tmp_path / "synthesize", {}) as stage:
        wrong = replace(examples[0], id="wrong", text="The quarterly figures of the Milan store are due on Friday.")
        stage.keep(wrong, wrong)
    assert sotto_models("filter", tmp_path, "--model", base_model_dir).exit_code == 0
    kept = {each.id for each in read_stage(tmp_path / "filter")}
    assert "wrong" not in kept
    assert len(kept) >= len(examples) - 1


@pytest.mark.slow
def test_base_labels_recordings_and_its_labels_are_nearly_what_was_said(base_model_dir: Path, tmp_path: Path) -> None:
    examples = spoken("en")
    for example in examples:
        assert example.audio is not None
        write_flac(tmp_path / "calls", example.id, read_samples(example.audio))
    labelled = sotto_models("pseudo-label", tmp_path / "run", tmp_path / "calls", "--model", base_model_dir)
    assert labelled.exit_code == 0, labelled.output
    kept = read_stage(tmp_path / "run" / "pseudo-label" / "iteration-1")
    assert len(kept) >= len(examples) - 2
    references = tmp_path / "references.jsonl"
    named = {f"{example.id}.flac": example for example in examples}
    lines = [replace(named[each.id], id=each.id).to_line(tmp_path) for each in kept]
    references.write_text("".join(f"{line}\n" for line in lines))
    result = sotto_models(
        *("evaluate", references, "--out", tmp_path / "out", "--resamples", "100"),
        *("--transcripts", tmp_path / "run" / "pseudo-label" / "iteration-1" / "kept-1-of-1.jsonl"),
    )
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "out" / "report.json").read_text())
    assert told["slices"][0]["figures"]["kept-1-of-1"]["wer"]["percent"] < 10


@pytest.mark.slow
def test_base_is_evaluated_in_five_languages(base_model_dir: Path, tmp_path: Path) -> None:
    result = sotto_models("evaluate", MANIFEST, "--out", tmp_path, "--model", base_model_dir, "--block-by", "language")
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "report.json").read_text())
    assert [one["value"] for one in told["slices"]] == ["", "en", "es", "fr", "it", "ru"]
    whole = told["slices"][0]["figures"]["base"]
    assert whole["wer"]["percent"] < 10
    assert whole["ier"] == whole["mer"]  # no keywords
    assert whole["cer"]["percent"] < whole["wer"]["percent"]
