"""From transcripts to a report: systems, slices, what is missing and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from models.evaluate.evaluation import Evaluation, Options, evaluate, items
from models.evaluate.report import as_json, markdown, write
from models.evaluate.resampling import Resampling
from models.evaluate.systems import given, read_references, transcribed
from models.manifest import Example
from models.transcribing import Heard
from service.errors import BadRequest
from tests.unit.models.recognisers import Rehearsed, recording

OPTIONS = Options(by=("language", "voice"), resampling=Resampling(100))
EXAMPLES = [
    Example("1", "Show me the Moynat bag.", voice="anna", keywords=("Moynat",)),
    Example("2", "Call me back tomorrow.", voice="ben"),
    Example("3", "我要红色的包", "zh", voice="mei"),
    Example("4", "Moynat again for Ida Lund.", voice="anna", keywords=("Moynat", "Ida Lund")),
]
PERFECT = {example.id: example.text for example in EXAMPLES}
FLAWED = PERFECT | {"1": "show me the Monet bag", "3": "我要红色包"}


def evaluated(*texts: dict[str, str], options: Options = OPTIONS) -> Evaluation:
    named = dict(zip(("old", "new"), texts, strict=False))
    return evaluate(items(EXAMPLES), named, options)


def percent(evaluation: Evaluation, metric: str, system: str = "old", field: str = "", value: str = "") -> float | None:
    [one] = [each for each in evaluation.slices if (each.field, each.value) == (field, value)]
    return one.figures[system][metric].percent


def test_figures_of_all_utterances() -> None:
    """Twenty tokens (5 + 4 + 6 + 5), two wrong; three keywords, one missed."""
    evaluation = evaluated(FLAWED)
    assert evaluation.whole.words == 20
    assert percent(evaluation, "mer") == pytest.approx(100 * 2 / 20)
    assert percent(evaluation, "ier") == pytest.approx(100 * 3 / 23)
    assert percent(evaluation, "wer") == pytest.approx(100 * 1 / 14)  # without the Chinese one
    assert percent(evaluation, "recall") == pytest.approx(100 * 2 / 3)


def test_the_weight_of_keywords_can_be_chosen() -> None:
    assert percent(evaluated(FLAWED, options=replace(OPTIONS, keyword_weight=4)), "ier") == pytest.approx(100 * 6 / 32)


def test_slices_are_by_language_and_by_any_other_field() -> None:
    evaluation = evaluated(FLAWED)
    assert [(one.field, one.value, one.utterances) for one in evaluation.slices] == [
        ("", "", 4),
        ("language", "en", 3),
        ("language", "zh", 1),
        ("voice", "anna", 2),
        ("voice", "ben", 1),
        ("voice", "mei", 1),
    ]
    assert percent(evaluation, "mer", field="language", value="zh") == pytest.approx(100 / 6)
    assert percent(evaluation, "wer", field="language", value="zh") is None
    assert percent(evaluation, "recall", field="voice", value="ben") is None


def test_two_systems_are_compared_utterance_by_utterance() -> None:
    difference = evaluated(FLAWED, PERFECT).whole.differences["mer"]
    assert difference is not None
    assert difference.points == pytest.approx(-10)
    assert difference.relative == -1
    assert "## new against old" in markdown(evaluated(FLAWED, PERFECT))


def test_speakers_can_be_resampled_as_a_whole() -> None:
    assert evaluated(FLAWED, options=replace(OPTIONS, block_by="voice")).whole.blocks == 3


def test_false_alarms_are_counted_of_listed_keywords() -> None:
    texts = PERFECT | {"2": "Call Jacquemus back tomorrow"}
    assert percent(evaluated(texts), "precision") == 100
    listed = replace(OPTIONS, phrases=("Jacquemus",))
    assert percent(evaluated(texts, options=listed), "precision") == pytest.approx(75)


def test_accents_count_unless_they_are_folded() -> None:
    judged = items([Example("1", "le sac Hermès", "fr", voice="a")])
    for fold_accents, expected in ((False, 100 / 3), (True, 0)):
        options = replace(OPTIONS, fold_accents=fold_accents)
        assert percent(evaluate(judged, {"old": {"1": "le sac Hermes"}}, options), "mer") == pytest.approx(expected)


def test_what_has_no_transcript_counts_as_empty_and_is_named() -> None:
    evaluation = evaluated({"1": EXAMPLES[0].text})
    assert percent(evaluation, "mer") == pytest.approx(100 * 15 / 20)
    assert evaluation.missing == {"old": ["2", "3", "4"]}
    assert "no transcript of 3 utterances" in markdown(evaluation)


def test_keywords_beside_bias_are_a_list_and_not_what_is_said() -> None:
    [item] = items([Example("1", "Ida left.", keywords=("Ida", "Moynat"), extra={"bias": ["Ida"]})])
    assert (item.bias, item.keywords) == (("Ida",), ("Ida", "Moynat"))


@pytest.mark.parametrize(
    ("systems", "options", "field"),
    [
        (0, OPTIONS, "model"),
        (3, OPTIONS, "model"),
        (1, replace(OPTIONS, by=("accent",)), "accent"),
        (1, replace(OPTIONS, block_by="speaker"), "speaker"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_by_name(systems: int, options: Options, field: str) -> None:
    with pytest.raises(BadRequest) as caught:
        evaluate(items(EXAMPLES), {str(number): PERFECT for number in range(systems)}, options)
    assert caught.value.field == field


def test_the_report_has_tables_figures_a_picture_and_every_item(tmp_path: Path) -> None:
    texts = {"old": FLAWED, "new": PERFECT}
    evaluation = evaluated(FLAWED, PERFECT)
    write(tmp_path, evaluation, items(EXAMPLES), texts)
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["slices"][0]["figures"]["old"]["mer"]["percent"] == 10
    assert told == json.loads(json.dumps(as_json(evaluation)))
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    records = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text().splitlines()]
    assert len(records) == 8
    assert [each["missed"] for each in records if each["missed"]] == [["Moynat"]]


def spoken(folder: Path) -> tuple[list[Example], Rehearsed]:
    examples = [replace(example, audio=recording(folder, example.id, 1600 + at)) for at, example in enumerate(EXAMPLES)]
    return examples, Rehearsed({1600 + at: Heard(example.text) for at, example in enumerate(EXAMPLES)})


def test_an_evaluation_that_is_started_again_transcribes_nothing_twice(tmp_path: Path) -> None:
    examples, recogniser = spoken(tmp_path)
    options = {"model": "base", "beam_size": 5}
    assert transcribed(examples, tmp_path / "base", recogniser, options) == PERFECT
    assert recogniser.beams == [5]
    assert transcribed(examples, tmp_path / "base", recogniser, options) == PERFECT
    assert recogniser.beams == [5]
    with pytest.raises(BadRequest, match="another model"):
        transcribed(examples, tmp_path / "base", recogniser, options | {"model": "tiny"})


def test_a_recording_that_cannot_be_read_is_named_and_not_passed_over(tmp_path: Path) -> None:
    examples, recogniser = spoken(tmp_path)
    assert examples[2].audio is not None
    examples[2].audio.write_bytes(b"not audio")
    with pytest.raises(BadRequest, match=r"3\.flac: the file is not an audio file"):
        transcribed(examples, tmp_path / "base", recogniser, {"model": "base", "beam_size": 1})


def test_manifests_with_an_id_in_common_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text('{"id": "1", "text": "Hello."}\n')
    with pytest.raises(BadRequest, match=r"b\.jsonl, 1, id: is in another manifest"):
        read_references([tmp_path / "a.jsonl", tmp_path / "b.jsonl"])


def test_transcripts_of_other_recordings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "hyp.jsonl").write_text('{"id": "other", "text": "Hello."}\n')
    with pytest.raises(BadRequest, match="no transcript of any item"):
        given(tmp_path / "hyp.jsonl", EXAMPLES)
