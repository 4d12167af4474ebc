"""Stage `pseudo-label`: which corrections are believed, how recordings are cut, and iterations side by side."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.manifest import Example, read_examples
from models.pseudo_label import (
    PseudoLabelOptions,
    hypotheses,
    iteration_folder,
    judge_correction,
    pseudo_label,
    read_recordings,
)
from models.recordings import read_samples, spans, write_flac
from models.stage import Shard, StageFull, dropped, read_stage
from models.transcribing import Heard, Speech
from service.audio.vad import SileroVad
from service.decoding.windows import MAX_SAMPLES
from service.errors import BadRequest
from service.transcript import SAMPLE_RATE
from tests.conftest import DATA
from tests.unit.models.limits import small_files
from tests.unit.models.recognisers import Rehearsed, recording

PHRASES = ("Goyard", "Moynat")
OPTIONS = PseudoLabelOptions("base", "rehearsed")


class RehearsedCorrector:
    """Corrects by best hypothesis; one that it does not know is None. `asked`: hypotheses and language of each call."""

    name = "rehearsed"

    def __init__(self, corrections: Mapping[str, str]) -> None:
        self._corrections = corrections
        self.asked: list[tuple[list[list[str]], str]] = []

    def correct(self, hypotheses: Sequence[Sequence[str]], language: str) -> list[str | None]:
        self.asked.append(([list(each) for each in hypotheses], language))
        return [self._corrections.get(heard[0]) for heard in hypotheses]


@pytest.mark.parametrize(
    ("correction", "edit_rate", "reason"),
    [
        ("Please call Mrs. Okonkwo about the red bag on Monday at ten.", 0, None),
        ("Please call Mrs. Okonkwo about the red bag on Monday at six.", 1 / 12, None),
        ("Please call Mrs. Okonkwo about a red hat on Monday at ten.", 2 / 12, "edit rate over 0.1"),
        (None, None, "no correction"),
        ("", None, "no correction"),
    ],
)
def test_a_correction_is_believed_when_it_changes_little(
    correction: str | None, edit_rate: float | None, reason: str | None
) -> None:
    heard = "please call mrs okonkwo about the red bag on monday at ten"
    label = judge_correction(Heard(heard), correction, "en", OPTIONS)
    assert label.reason == reason
    assert label.edit_rate == (None if edit_rate is None else pytest.approx(edit_rate))


def test_nothing_heard_is_not_labelled_whatever_the_corrector_says() -> None:
    assert judge_correction(Heard("…"), "Thanks for watching.", "en", OPTIONS).reason == "nothing heard"


@pytest.mark.parametrize(("logprob", "reason"), [(-0.4, None), (-0.41, "log-probability under -0.4")])
def test_what_the_recogniser_was_not_sure_of_may_be_dropped_too(logprob: float, reason: str | None) -> None:
    heard = Heard("call me back", avg_logprob=logprob)
    assert judge_correction(heard, "Call me back.", "en", OPTIONS).reason is None
    strict = PseudoLabelOptions("base", "c", min_logprob=-0.4)
    assert judge_correction(heard, "Call me back.", "en", strict).reason == reason


@pytest.mark.parametrize(("unit", "edit_rate"), [("word", 1 / 3), ("character", 1 / 12)])
def test_edits_are_counted_in_words_or_characters(unit: str, edit_rate: float) -> None:
    options = PseudoLabelOptions("base", "c", unit=unit)  # type: ignore[arg-type]
    label = judge_correction(Heard("the moinat bag"), "the Moynat bag", "en", options)
    assert label.edit_rate == pytest.approx(edit_rate)


def test_chinese_edits_are_counted_in_characters_of_one_script() -> None:
    assert judge_correction(Heard("我要紅色包"), "我要红色书", "zh", OPTIONS).edit_rate == pytest.approx(1 / 5)


@given(st.text("ab ", max_size=30), st.text("ab ", max_size=30), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_keeps_all_that_a_lower_one_keeps(heard: str, text: str, one: float, other: float) -> None:
    strict, lenient = (
        judge_correction(Heard(heard), text, "en", PseudoLabelOptions("m", "c", limit)).reason
        for limit in sorted((one, other))
    )
    assert not (strict is None and lenient is not None)


def test_hypotheses_are_the_best_the_greedy_one_and_the_others_each_once() -> None:
    assert hypotheses(Heard("a", ("b", "c", "")), Heard("b")) == ["a", "b", "c"]
    assert hypotheses(Heard("", ("b",)), Heard("c")) == [""]


def calls(folder: Path) -> tuple[list[Example], Rehearsed, RehearsedCorrector]:
    """Four recordings: mended, copied, changed too much, not audible."""
    heard = [
        "please show me the red moinat bag that was ordered for her on monday",
        "call me back",
        "he wanted rings",
        "",
    ]
    corrections = {
        heard[0]: "Please show me the red Moynat bag that was ordered for her on Monday.",
        heard[1]: "call me back",
        heard[2]: "She bought earrings.",
    }
    examples = [
        Example(
            f"call {at}", "", audio=recording(folder, f"call {at}", 16_000 + at), voice="anna", extra={"shop": "Rome"}
        )
        for at in range(4)
    ]
    recogniser = Rehearsed({16_000 + at: Heard(text, (f"{text} two",), -0.25) for at, text in enumerate(heard)})
    return examples, recogniser, RehearsedCorrector(corrections)


def test_labels_are_a_manifest_of_their_own_audio(tmp_path: Path) -> None:
    examples, recogniser, corrector = calls(tmp_path)
    folder = iteration_folder(tmp_path, 1)
    pseudo_label(examples, folder, recogniser, corrector, PseudoLabelOptions("base", "rehearsed", phrases=PHRASES))
    mended, copied = read_stage(folder)
    assert (mended.keywords, copied.keywords) == (("Moynat",), ())
    assert (mended.id, mended.voice, mended.source) == ("call 0", "anna", "pseudo:rehearsed")
    assert mended.text == "Please show me the red Moynat bag that was ordered for her on Monday."
    assert mended.scores == {"edit_rate": pytest.approx(1 / 14, abs=1e-4), "avg_logprob": -0.25, "disagreement": 0}
    assert mended.extra["shop"] == "Rome"
    assert mended.extra["recording"] == "call 0"
    assert mended.duration == 1.0
    assert mended.audio == folder / "audio" / "call 0.flac"
    assert len(read_samples(mended.audio)) == 16_000
    assert copied.scores["edit_rate"] == 0
    assert dropped(folder) == {"edit rate over 0.1": 1, "nothing heard": 1}
    assert sorted(path.name for path in (folder / "audio").iterdir()) == ["call 0.flac", "call 1.flac"]


def test_the_corrector_sees_what_was_heard_greedily_and_by_the_beam_language_by_language(tmp_path: Path) -> None:
    texts = {8_001: Heard("a b", ("a c",)), 8_002: Heard("d e"), 8_003: Heard("f g")}
    examples = [
        Example(str(length), "", language, recording(tmp_path, str(length), length))
        for length, language in zip(texts, ("en", "fr", "en"), strict=True)
    ]
    recogniser, corrector = Rehearsed(texts), RehearsedCorrector({})
    pseudo_label(examples, tmp_path / "iteration-1", recogniser, corrector, OPTIONS)
    assert recogniser.beams == [5, 1]
    assert corrector.asked == [([["a b", "a c"], ["f g"]], "en"), ([["d e"]], "fr")]


def test_a_stage_that_is_through_hears_nothing_and_asks_nobody(tmp_path: Path) -> None:
    examples, recogniser, corrector = calls(tmp_path)
    for _ in range(2):
        pseudo_label(examples, tmp_path / "iteration-1", recogniser, corrector, OPTIONS)
    assert (len(recogniser.beams), len(corrector.asked)) == (2, 1)


def test_what_a_corrector_that_fails_was_asked_is_asked_again(tmp_path: Path) -> None:
    examples, recogniser, corrector = calls(tmp_path)

    class Broken(RehearsedCorrector):
        def correct(self, hypotheses: Sequence[Sequence[str]], language: str) -> list[str | None]:
            raise BadRequest("the key is wrong")

    with pytest.raises(BadRequest, match="key"):
        pseudo_label(examples, tmp_path / "iteration-1", recogniser, Broken({}), OPTIONS)
    pseudo_label(examples, tmp_path / "iteration-1", recogniser, corrector, OPTIONS)
    assert len(read_stage(tmp_path / "iteration-1")) == 2


def test_shards_together_label_all_recordings(tmp_path: Path) -> None:
    examples, recogniser, corrector = calls(tmp_path)
    for number in (1, 2, 3):
        pseudo_label(examples, tmp_path / "iteration-1", recogniser, corrector, OPTIONS, Shard(number, 3))
    assert {each.id for each in read_stage(tmp_path / "iteration-1")} == {"call 0", "call 1"}


def test_iterations_stand_side_by_side(tmp_path: Path) -> None:
    examples, recogniser, corrector = calls(tmp_path)
    pseudo_label(examples, iteration_folder(tmp_path, 1), recogniser, corrector, OPTIONS)
    better = Rehearsed({16_000 + at: Heard(text) for at, text in enumerate(["call me back"] * 4)})
    newer = PseudoLabelOptions("base-2", "rehearsed")
    pseudo_label(examples, iteration_folder(tmp_path, 2), better, corrector, newer)
    told = json.loads((tmp_path / "pseudo-label" / "report.json").read_text())["iterations"]
    assert [(each["model"], each["kept"], each["utterances"]) for each in told] == [("base", 2, 4), ("base-2", 4, 4)]
    assert told[0]["corrected"] == 0.5
    assert told[0]["changed"] is None
    assert told[1]["corrected"] == 0
    assert 0 < told[1]["changed"] < 1
    assert "base-2" in (tmp_path / "pseudo-label" / "report.md").read_text()
    assert (tmp_path / "pseudo-label" / "report.png").read_bytes().startswith(b"\x89PNG")


def test_another_model_needs_another_iteration(tmp_path: Path) -> None:
    examples, recogniser, corrector = calls(tmp_path)
    pseudo_label(examples, iteration_folder(tmp_path, 1), recogniser, corrector, OPTIONS)
    with pytest.raises(BadRequest, match="another model"):
        pseudo_label(
            examples, iteration_folder(tmp_path, 1), recogniser, corrector, PseudoLabelOptions("base-2", "rehearsed")
        )
    with pytest.raises(BadRequest, match="count from 1"):
        iteration_folder(tmp_path, 0)


def speech(name: str) -> np.ndarray:
    return read_samples(DATA / f"{name}.flac")


def test_a_long_recording_is_cut_between_utterances_and_silence_falls_out(tmp_path: Path) -> None:
    clips = [speech(name) for name in ("human-en-tt-allbusy", "human-en-vm-newuser", "human-en-vm-nobox")]
    pause = np.zeros(6 * SAMPLE_RATE, np.int16)
    whole = np.concatenate([part for clip in clips for part in (pause, clip)])
    found = spans(whole, SileroVad())
    assert len(found) == 3
    assert all(end - start <= MAX_SAMPLES for start, end in found)
    at = 0
    for (start, end), clip in zip(found, clips, strict=True):
        at += len(pause)
        assert at - SAMPLE_RATE / 2 < start < at + SAMPLE_RATE
        assert start < end < at + len(clip) + SAMPLE_RATE / 2
        at += len(clip)

    class Listener:
        def hear(self, speech: Sequence[Speech], *, beam_size: int) -> list[Heard]:
            return [Heard(f"part {number}") for number in range(len(speech))]

    example = Example("visits/day one.wav", "", audio=write_flac(tmp_path, "long", whole))
    corrector = RehearsedCorrector({"part 0": "part 0", "part 2": "part two"})
    pseudo_label([example], tmp_path / "iteration-1", Listener(), corrector, OPTIONS)
    kept = read_stage(tmp_path / "iteration-1")
    assert [each.extra["recording"] for each in kept] == ["visits/day one.wav"] * len(kept)
    first = kept[0]
    assert first.id == f"visits/day one.wav@{found[0][0] // 16}"
    assert first.extra["start"] == round(found[0][0] / SAMPLE_RATE, 3)
    assert first.audio is not None
    assert np.array_equal(read_samples(first.audio), whole[slice(*found[0])])
    assert dropped(tmp_path / "iteration-1")["no correction"] == 1


def test_a_short_recording_stays_whole() -> None:
    samples = speech("human-en-vm-nobox")
    assert spans(samples, SileroVad()) == [(0, len(samples))]


def test_recordings_without_speech_and_files_without_audio_are_dropped(tmp_path: Path) -> None:
    silence = write_flac(tmp_path, "silence", np.zeros(40 * SAMPLE_RATE, np.int16))
    (tmp_path / "notes.txt").write_text("no audio")
    examples = [Example("silence", "", audio=silence), Example("notes", "", audio=tmp_path / "notes.txt")]
    pseudo_label(examples, tmp_path / "iteration-1", Rehearsed({}), RehearsedCorrector({}), OPTIONS)
    assert dropped(tmp_path / "iteration-1") == {"no speech": 1, "unreadable audio": 1}


def test_a_folder_is_as_good_as_a_manifest(tmp_path: Path) -> None:
    recording(tmp_path / "calls" / "monday", "one", 1_600)
    recording(tmp_path / "calls", "two", 1_600)
    assert [(each.id, each.language) for each in read_recordings(tmp_path / "calls", "fr")] == [
        ("monday/one.flac", "fr"),
        ("two.flac", "fr"),
    ]
    (tmp_path / "m.jsonl").write_text('{"id": "1", "audio": "calls/two.flac", "language": "it"}\n')
    [example] = read_recordings(tmp_path / "m.jsonl", "fr")
    assert (example.language, example.audio) == ("it", tmp_path / "calls" / "two.flac")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadRequest, match="no recordings"):
        read_recordings(tmp_path / "empty", "en")


def test_a_recording_that_is_not_there_stops_the_stage_before_it_begins(tmp_path: Path) -> None:
    lost = Example("lost", "", audio=tmp_path / "lost.flac")
    with pytest.raises(BadRequest, match="lost, audio: there is no"):
        pseudo_label([lost], tmp_path / "iteration-1", Rehearsed({}), RehearsedCorrector({}), OPTIONS)
    assert not (tmp_path / "iteration-1").exists()


def test_ids_that_are_paths_stay_inside_the_folder(tmp_path: Path) -> None:
    path = write_flac(tmp_path / "audio", "../../etc/passwd", np.zeros(1_600, np.int16))
    assert path.parent == tmp_path / "audio"
    assert [each.name for each in (tmp_path / "audio").iterdir()] == [path.name]


def test_kept_lines_can_be_read_as_a_manifest_by_themselves(tmp_path: Path) -> None:
    examples, recogniser, corrector = calls(tmp_path)
    pseudo_label(examples, tmp_path / "iteration-1", recogniser, corrector, OPTIONS)
    manifest = tmp_path / "iteration-1" / "kept-1-of-1.jsonl"
    assert all(each.audio and each.audio.is_file() for each in read_examples(manifest))
    assert json.loads(manifest.read_text().splitlines()[0])["audio"].startswith("audio/")


def test_on_a_full_disk_no_recording_is_half_written(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(size=16_000) * 3_000
    with pytest.raises(StageFull, match="cannot write to"), small_files(5_000):
        write_flac(tmp_path / "audio", "one", noise.astype(np.int16))
    assert list((tmp_path / "audio").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"max_edit_rate": -0.1}, "max_edit_rate"),
        ({"min_logprob": 0.1}, "min_logprob"),
        ({"unit": "x"}, "unit"),
        ({"beam_size": 0}, "beam_size"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, object], field: str) -> None:
    with pytest.raises(BadRequest) as caught:
        PseudoLabelOptions("base", "c", **options)  # type: ignore[arg-type]
    assert caught.value.field == field
