"""The page of `sotto explain`, from steps made by hand: no model is needed to see what would be told."""

import json
from dataclasses import asdict

import pytest
from rich.console import Console

from service.biasing.bias import Bias, BiasList
from service.biasing.boost import Boost
from service.biasing.compiled import compiled
from service.biasing.entries import Entry
from service.biasing.gate import Kind, Proposal, Verdict
from service.biasing.retrieval import Candidate, retrieve
from service.commands.explanation import Explainer, Explanation
from service.commands.explanation_page import render
from service.transcript import Hypothesis, Match, Piece
from tests.unit.biasing.hearing import hearing

HEARD, TEXT = "a Coochinelly coat by loewe", "a Cucinelli coat by loewe"
ENTRIES = (
    Entry("Cucinelli"),
    Entry("Loewe"),
    Entry("Zibbledonk"),
    Entry("Cuccinello"),
    Entry("Kuchineli", boost=0.0),
)


def candidates(text: str = HEARD) -> tuple[Candidate, ...]:
    return tuple(retrieve([hearing(text)], [compiled(ENTRIES, "en")], language="en"))


def verdict(phrase: str, *, score: float, gain: float | None, kind: Kind = "spliced", sure: float = 0.0) -> Verdict:
    best = next(candidate for candidate in candidates() if candidate.entry.phrase == phrase)
    return Verdict(Proposal(kind, best, best.first, best.last, best.place, score, sure), gain)


def explained(
    *verdicts: Verdict, told: bool = True, asked: tuple[str, ...] = (), text: str = TEXT, second: str = HEARD
) -> Explanation:
    found = candidates()
    boost = Boost(
        first_pass=tuple(hearing(HEARD)),
        candidates=found,
        prompted=found[:1] if told else (),
        second_pass=tuple(hearing(second)),
        verdicts=verdicts,
    )
    matches = (Match("Cucinelli", 1, 2, "Coochinelly", 0.0, 9.0, -4.0),) if "Cucinelli" in text else ()
    pieces = tuple(Piece(f" {word}", (1,)) for word in text.split())
    explainer = Explainer(Bias((BiasList(ENTRIES),)), [entry for entry in ENTRIES if entry.phrase in asked])
    return explainer.explain(1, 2.0, 65.5, Hypothesis(pieces, "en", matches=matches), boost)


def page(explanation: Explanation, width: int = 80) -> str:
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(render(explanation))
    return capture.get()


def flat(explanation: Explanation) -> str:
    """The page as one line, so that it reads the same however it is wrapped."""
    return " ".join(page(explanation, 200).split())


def test_the_arithmetic_of_a_verdict_is_told_in_words() -> None:
    told = flat(explained(verdict("Cucinelli", score=7.0, gain=-4.0)))
    assert "yes Cucinelli for “Coochinelly”" in told
    assert "+7.0 by sound and spelling + 0.5 x (-4.0) by the model = +5.0, at least" in told


def test_what_is_not_enough_is_said_to_be_less() -> None:
    told = flat(explained(verdict("Cucinelli", score=7.0, gain=-90.0), text=HEARD))
    assert "no Cucinelli" in told
    assert "= -38.0, less than the" in told


def test_what_was_needed_is_told_with_its_parts() -> None:
    told = flat(explained(verdict("Cucinelli", score=-4.0, gain=None, kind="spliced", sure=0.5)))
    assert (
        "-4.0 by sound and spelling, less than the -3.0 needed (-4.5 + 3 x 0.50 of the words common and sure)" in told
    )
    plain = flat(explained(verdict("Cucinelli", score=-4.0, gain=None, kind="spliced")))
    assert "-4.0 by sound and spelling, at least -4.5 needed" in plain
    assert "common and sure" not in plain


def test_a_verdict_that_needed_no_model_shows_no_product() -> None:
    told = flat(explained(verdict("Cucinelli", score=7.0, gain=None, kind="prompted")))
    assert "the second pass wrote it when told" in told
    assert "+7.0 by sound and spelling, at least" in told


def test_phrases_of_the_list_stand_in_brackets() -> None:
    told = flat(explained(verdict("Cucinelli", score=7.0, gain=0.0)))
    assert "a [Cucinelli] coat by loewe" in told


def test_surprise_stands_behind_each_word() -> None:
    assert "a·0.1 Coochinelly·3.0 coat·0.1" in flat(explained())


def test_candidates_are_shown_with_both_sounds() -> None:
    explanation = explained()
    best = explanation.candidates[0]
    assert (best.phrase, best.heard, best.distance) == ("Cucinelli", "Coochinelly", 0.0)
    assert best.sounds == best.heard_sounds
    assert best.sounds in page(explanation)


def test_without_a_second_pass_none_is_shown() -> None:
    assert "Second pass" not in page(explained(told=False))
    assert explained(told=False).second_pass is None


def test_nothing_heard_is_a_page_too() -> None:
    explainer = Explainer(Bias((BiasList(ENTRIES),)), ENTRIES[:1])
    silent = explainer.explain(1, 0.0, 1.0, Hypothesis((), "en"), None)
    assert "(nothing was heard)" in page(silent)
    assert [question.outcome for question in silent.questions] == ["no sound"]


@pytest.mark.parametrize(
    ("phrase", "verdicts", "outcome"),
    [
        ("Cucinelli", [("Cucinelli", 7.0, 0.0)], "written"),
        ("Cucinelli", [("Cucinelli", 7.0, -90.0)], "outvoted"),
        ("Cuccinello", [("Cucinelli", 7.0, 0.0), ("Cuccinello", 6.0, 0.0)], "rival"),
        ("Cucinelli", [], "not asked"),
        ("Cuccinello", [], "not told"),
        ("Zibbledonk", [], "too unlikely"),
    ],
)
def test_what_became_of_a_phrase_is_told(phrase: str, verdicts: list[tuple[str, float, float]], outcome: str) -> None:
    made = [verdict(name, score=score, gain=gain) for name, score, gain in verdicts]
    explanation = explained(*made, asked=(phrase,))
    [question] = explanation.questions
    assert (question.phrase, question.outcome) == (phrase, outcome)
    assert question.best is not None
    assert f"Why {phrase}?" in page(explanation)


def test_a_phrase_that_is_switched_off_is_said_to_be() -> None:
    explanation = explained(asked=("Kuchineli",))
    assert [question.outcome for question in explanation.questions] == ["switched off"]
    assert "Its boost is 0, which switches it off." in flat(explanation)


def test_a_decision_tells_what_the_first_pass_heard_not_the_second() -> None:
    [decision] = explained(verdict("Cucinelli", score=7.0, gain=0.0), second="a Kutschinelli coat").decisions
    assert decision.heard == "Coochinelly"


def test_a_phrase_that_the_second_pass_is_far_from_is_not_near() -> None:
    [question] = explained(asked=("Cucinelli",), second="a red coat by loewe").questions
    assert question.outcome == "not near"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_page_fits_its_width_and_has_no_colours_in_a_pipe(width: int) -> None:
    told = page(explained(verdict("Cucinelli", score=7.0, gain=-4.0), asked=("Zibbledonk", "Cucinelli")), width)
    assert max(map(len, told.splitlines())) <= width
    assert "\x1b" not in told


def test_an_explanation_is_json() -> None:
    stored = json.loads(json.dumps(asdict(explained(verdict("Cucinelli", score=7.0, gain=-4.0)))))
    assert stored["decisions"][0]["total"] == 5.0
    start, end = stored["marks"][0]
    assert stored["text"][start:end] == "Cucinelli"
