"""The biasing lists on a corpus of three sentences."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.scoring.librispeech import WordErrors, align, corpus_words, manifest_lines, read_biasing_file, score
from models.scoring.manifest import read_manifests
from service.errors import BadRequest

SENTENCES = {
    "12-34-0000": ("stuff it into you his belly counselled him", ["belly", "counselled"], ["galley"]),
    "12-34-0001": ("ned's hope was gone", ["ned's"], ["reds"]),
    "56-7-0000": ("yes", [], ["yes's"]),
}


@pytest.fixture
def biasing_file(tmp_path: Path) -> Path:
    path = tmp_path / "test-clean.biasing_1.tsv"
    rows = [
        "\t".join([name, text, json.dumps(rare), json.dumps(rare + distractors)])
        for name, (text, rare, distractors) in SENTENCES.items()
    ]
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "LibriSpeech" / "test-clean"
    for name in SENTENCES:
        speaker, chapter, _ = name.split("-")
        (folder / speaker / chapter).mkdir(parents=True, exist_ok=True)
        (folder / speaker / chapter / f"{name}.flac").touch()
    return folder


def test_manifest_has_the_list_of_each_utterance(biasing_file: Path, corpus: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "m.jsonl"
    manifest.write_text("\n".join(manifest_lines(read_biasing_file(biasing_file), corpus)), "utf-8")
    items = read_manifests([manifest])
    assert [item.id for item in items] == list(SENTENCES)
    assert items[1].audio == corpus / "12" / "34" / "12-34-0001.flac"
    assert (items[1].bias, items[1].keywords) == (("ned's",), ("ned's", "reds"))


def test_recording_that_is_not_there_is_named(biasing_file: Path, corpus: Path) -> None:
    (corpus / "56" / "7" / "56-7-0000.flac").unlink()
    with pytest.raises(BadRequest, match=r"56-7-0000: there is no .*56-7-0000\.flac"):
        list(manifest_lines(read_biasing_file(biasing_file), corpus))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1-2-3\ttext\t[]", "line 4: 3 columns"),
        ("1-2-3\ttext\tbelly\t[]", "line 4, column 3 .*: not a JSON array of strings"),
        ("1-2-3\ttext\t[]\t[1]", "line 4, column 4 .*: not a JSON array of strings"),
    ],
)
def test_broken_line_is_named_with_its_column(biasing_file: Path, line: str, message: str) -> None:
    with biasing_file.open("a", encoding="utf-8") as file:
        file.write(line)
    with pytest.raises(BadRequest, match=message):
        read_biasing_file(biasing_file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Stuff it, into you!", "stuff it into you"),
        ("Ned’s well-known 'hope' - gone", "ned's well known 'hope' gone"),
        ("Mr. Smith of St. Ives", "mister smith of saint ives"),
        ("the street st", "the street st"),
        ("on the 2nd, 38 men", "on the second thirty eight men"),
        ("", ""),
    ],
)
def test_transcript_is_compared_as_the_corpus_writes(text: str, words: str) -> None:
    assert corpus_words(text) == words.split()


def test_only_the_rare_words_of_the_reference_are_biased(biasing_file: Path) -> None:
    texts = {
        "12-34-0000": "Stuff it into you, his galley counselled him.",  # a biased word becomes a distractor
        "12-34-0001": "Reds hope was reds gone",  # a distractor is inserted: not biased
        "56-7-0000": "",
    }
    assert score(read_biasing_file(biasing_file), texts) == {
        "WER": WordErrors(words=13, substitutions=2, insertions=1, deletions=1),
        "U-WER": WordErrors(words=10, substitutions=0, insertions=1, deletions=1),
        "B-WER": WordErrors(words=3, substitutions=2, insertions=0, deletions=0),
    }


def test_rare_word_that_is_inserted_is_biased(biasing_file: Path) -> None:
    texts = {name: text for name, (text, _, _) in SENTENCES.items()} | {"12-34-0001": "ned's ned's hope was gone"}
    assert score(read_biasing_file(biasing_file), texts)["B-WER"].insertions == 1


def test_utterance_without_a_transcript_is_named(biasing_file: Path) -> None:
    with pytest.raises(BadRequest, match="12-34-0001"):
        score(read_biasing_file(biasing_file), {"12-34-0000": "", "56-7-0000": ""})


def test_substitution_goes_before_a_deletion_with_an_insertion() -> None:
    assert align(["a", "b", "c"], ["a", "x", "c"]) == [("a", "a"), ("b", "x"), ("c", "c")]
    assert align(["a", "b"], ["b", "c"]) == [("a", None), ("b", "b"), (None, "c")]  # 6 against 8


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_alignment_has_every_word_once_and_in_order(expected: list[str], heard: list[str]) -> None:
    pairs = align(expected, heard)
    assert [one for one, _ in pairs if one is not None] == expected
    assert [other for _, other in pairs if other is not None] == heard


def run(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "models.scoring.librispeech", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_figures_are_printed_as_the_released_scorer_prints_them(biasing_file: Path, tmp_path: Path) -> None:
    transcripts = tmp_path / "hyp.tsv"
    transcripts.write_text(
        "12-34-0000\tstuff it into you his belly counselled\n12-34-0001\tned hope was gone\n56-7-0000"
    )
    assert run("score", biasing_file, transcripts).stdout.splitlines() == [
        "WER: error_rate=23.076923076923077, ref_words=13, subs=1, ins=0, dels=2",
        "U-WER: error_rate=20.0, ref_words=10, subs=0, ins=0, dels=2",
        "B-WER: error_rate=33.333333333333336, ref_words=3, subs=1, ins=0, dels=0",
    ]


def test_command_writes_a_manifest_or_says_what_is_missing(biasing_file: Path, corpus: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "m.jsonl"
    assert run("manifest", corpus, biasing_file, "--out", manifest).returncode == 0
    assert len(read_manifests([manifest])) == 3
    failed = run("manifest", tmp_path / "none", biasing_file, "--out", manifest)
    assert failed.returncode == 2
    assert failed.stderr.startswith("error: 12-34-0000: there is no ")
