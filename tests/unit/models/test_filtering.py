"""Stage `filter`: which speech is kept, what is said of the rest, and what happens to bad input."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.filter_report import describe
from models.filtering import FilterOptions, filter_speech, judge_speech
from models.manifest import Example
from models.stage import Shard, dropped, read_stage
from models.transcribing import Heard
from service.errors import BadRequest
from tests.unit.models.recognisers import Rehearsed, recording

OPTIONS = FilterOptions("base", max_error=0.2)


def sentence(text: str = "Show me the Moynat bag.", language: str = "en", keywords: tuple[str, ...] = ()) -> Example:
    return Example("1", text, language, keywords=keywords)


@pytest.mark.parametrize(
    ("unit", "error"),
    [("character", 1 / 18), ("word", 1 / 5)],  # "showmethemoynatbag", "show me the moynat bag"
)
def test_a_misspelled_name_costs_a_letter_or_a_word(unit: str, error: float) -> None:
    options = FilterOptions("base", unit=unit)  # type: ignore[arg-type]
    assert judge_speech(sentence(), "show me the Moynet bag", options).error == pytest.approx(error)


def test_chinese_counts_by_character_in_one_script_whatever_the_unit() -> None:
    options = FilterOptions("base", unit="word", max_error=0.2)
    verdict = judge_speech(sentence("我想要一個包", "zh"), "我想要一个书", options)
    assert verdict.error == pytest.approx(1 / 6)
    assert verdict.reason is None


def test_case_punctuation_numbers_and_accents_are_no_errors() -> None:
    verdict = judge_speech(sentence("The Hermès bag costs twenty-five dollars."), "the hermes bag costs $25", OPTIONS)
    assert verdict.error == 0


@pytest.mark.parametrize(
    ("heard", "reason"),
    [
        ("Show me the Moynat bag", None),
        ("", "nothing heard"),
        ("...", "nothing heard"),
        ("Thanks for watching", "character error over 0.2"),
        ("Show me the man a bag", None),
    ],
)
def test_reason(heard: str, reason: str | None) -> None:
    assert judge_speech(sentence(), heard, OPTIONS).reason == reason


def test_a_keyword_may_have_to_be_near_what_was_heard() -> None:
    spoken = sentence("Could you please show me all of the Moynat bags that are in the store", keywords=("Moynat",))
    options = FilterOptions("base", max_keyword_distance=0.4)
    near = judge_speech(spoken, "Could you please show me all of the Moyna bags that are in the store", options)
    far = judge_speech(spoken, "Could you please show me all of the bags that are in the store", options)
    assert near.reason is None
    assert near.keyword_distance is not None
    assert 0 < near.keyword_distance < 0.4
    assert far.reason == "keyword not heard"
    assert judge_speech(spoken, "", options).keyword_distance == 1


@given(st.text(max_size=40), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_keeps_all_that_a_lower_one_keeps(heard: str, one: float, other: float) -> None:
    strict, lenient = sorted((one, other))
    kept = [
        judge_speech(sentence(), heard, FilterOptions("base", max_error=limit)).reason for limit in (strict, lenient)
    ]
    assert not (kept[0] is None and kept[1] is not None)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"max_error": 1.5}, "max_error"),
        ({"unit": "phoneme"}, "unit"),
        ({"rules": "mine"}, "rules"),
        ({"max_keyword_distance": -1}, "max_keyword_distance"),
        ({"beam_size": 0}, "beam_size"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, object], field: str) -> None:
    with pytest.raises(BadRequest) as caught:
        FilterOptions("base", **options)  # type: ignore[arg-type]
    assert caught.value.field == field


def spoken(folder: Path) -> tuple[list[Example], Rehearsed]:
    """Three sentences by two voices: one heard right, one wrong, one not audible."""
    heard = ["Call Ida Lund today.", "Bring the Jacquemus bag.", "Thank you."]
    examples = [
        Example(
            str(at), text, audio=recording(folder, str(at), 1600 + at), voice=voice, keywords=("Ida Lund",)[: 1 - at]
        )
        for at, (text, voice) in enumerate(zip(heard, ("anna", "ben", "ben"), strict=True))
    ]
    answers = ["Call Ida Lund today", "Ring the jack moose back", ""]
    return examples, Rehearsed({1600 + at: Heard(text) for at, text in enumerate(answers)})


def test_kept_examples_carry_their_scores_and_the_report_names_the_rest(tmp_path: Path) -> None:
    examples, recogniser = spoken(tmp_path)
    filter_speech(examples, tmp_path / "filter", recogniser, OPTIONS)
    [kept] = read_stage(tmp_path / "filter")
    assert kept.scores == {"error": 0.0, "keyword_distance": 0.0}
    assert kept.extra["heard"] == "Call Ida Lund today"
    assert dropped(tmp_path / "filter") == {"character error over 0.2": 1, "nothing heard": 1}
    report = json.loads((tmp_path / "filter" / "report.json").read_text())
    assert (report["all"]["examples"], report["all"]["kept"]) == (3, 1)
    assert {name: (one["examples"], one["kept"]) for name, one in report["voices"].items()} == {
        "anna": (1, 1),
        "ben": (2, 0),
    }
    assert "Ring the jack moose back" in (tmp_path / "filter" / "report.md").read_text()
    assert (tmp_path / "filter" / "report.png").read_bytes().startswith(b"\x89PNG")


def test_a_filter_that_is_through_transcribes_nothing(tmp_path: Path) -> None:
    examples, recogniser = spoken(tmp_path)
    filter_speech(examples, tmp_path / "filter", recogniser, OPTIONS)
    before = len(recogniser.beams)
    filter_speech(examples, tmp_path / "filter", recogniser, OPTIONS)
    assert len(recogniser.beams) == before


def test_shards_together_keep_what_one_keeps(tmp_path: Path) -> None:
    examples, recogniser = spoken(tmp_path)
    for number in (1, 2):
        filter_speech(examples, tmp_path / "filter", recogniser, OPTIONS, Shard(number, 2))
    assert [each.id for each in read_stage(tmp_path / "filter")] == ["0"]
    assert json.loads((tmp_path / "filter" / "report.json").read_text())["all"]["examples"] == 3


def test_audio_that_cannot_be_read_is_dropped_and_costs_the_others_nothing(tmp_path: Path) -> None:
    examples, recogniser = spoken(tmp_path)
    audio = examples[1].audio
    assert audio is not None
    audio.write_bytes(b"not audio")
    filter_speech(examples, tmp_path / "filter", recogniser, OPTIONS)
    assert dropped(tmp_path / "filter") == {"unreadable audio": 1, "nothing heard": 1}


@pytest.mark.parametrize(
    ("example", "field"),
    [
        (Example("lost", "Hello.", audio=Path("/nowhere/lost.flac")), "audio"),
        (Example("mute", "Hello."), "audio"),
        (Example("empty", "  ", audio=Path(__file__)), "text"),
    ],
)
def test_an_input_that_is_no_speech_stops_the_stage_before_it_begins(
    tmp_path: Path, example: Example, field: str
) -> None:
    with pytest.raises(BadRequest, match=rf"{example.id}, {field}: ") as caught:
        filter_speech([example], tmp_path / "filter", Rehearsed({}), OPTIONS)
    assert caught.value.field == field
    assert not (tmp_path / "filter").exists()


def test_rates_of_a_group_are_of_those_that_were_heard() -> None:
    kept = [Example(str(at), "A.", voice="anna", scores={"error": at / 10}) for at in range(3)]
    lost = [Example("x", "A.", voice="ben", extra={"reason": "unreadable audio"})]
    report = describe(kept, lost, 0.2)
    assert (report.voices["anna"].median_error, report.voices["anna"].p90_error) == (0.1, 0.18)
    assert (report.voices["ben"].examples, report.voices["ben"].median_error) == (1, None)
