"""Which phrases are believed."""

import pytest

from service.biasing.compiled import compiled
from service.biasing.entries import Entry
from service.biasing.gate import MAX_JUDGED, NEEDED, Kind, Proposal, Verdict, believed, proposals, region
from service.biasing.matching import differences
from service.biasing.retrieval import Candidate, retrieve
from tests.unit.biasing.hearing import candidate, hearing

HIGH, LOW = 50.0, -50.0


def proposed(first_pass: str, second_pass: str, *phrases: str) -> list[tuple[Kind, str]]:
    brands = [compiled([Entry(phrase) for phrase in phrases], "en")]

    def found(text: str) -> list[Candidate]:
        return retrieve([hearing(text)], brands, language="en")

    words = hearing(first_pass), found(first_pass), hearing(second_pass), found(second_pass)
    return [(proposal.kind, proposal.candidate.entry.phrase) for proposal in proposals(*words)]


def verdict(kind: Kind, score: float, gain: float | None, *, first: int = 0, phrase: str = "Loewe") -> Verdict:
    return Verdict(Proposal(kind, candidate(phrase, first, first + 1), first, first + 1, score), gain)


def test_a_phrase_that_was_heard_is_written() -> None:
    assert proposed("a Loewe bag", "a Loewe bag", "Loewe") == [("written", "Loewe")]


def test_a_phrase_that_came_with_the_prompt_is_prompted() -> None:
    assert proposed("a Loeve bag", "a Loewe bag", "Loewe") == [("prompted", "Loewe")]


def test_a_near_miss_is_spliced() -> None:
    assert proposed("a Loeve bag", "a Loewy bag", "Loewe") == [("spliced", "Loewe")]


def test_a_phrase_out_of_thin_air_has_no_support() -> None:
    found = Proposal("prompted", candidate("Loewe", 2, 3, heard="Loewe"), 2, 3, 0.0)
    [unsupported] = proposals(hearing("a red bag"), [], hearing("a red Loewe"), [found.candidate])
    assert not Verdict(unsupported, 0.0).accepted
    assert unsupported.needs_judging


def test_a_phrase_that_stands_there_hides_its_near_misses_but_not_a_longer_one() -> None:
    assert proposed("a Loewe bag", "a Loewe bag", "Loewe", "Loewi") == [("written", "Loewe")]
    longer = proposed("a Maria Rosi bag", "a Maria Rosi bag", "Maria", "Maria Rossi")
    assert ("spliced", "Maria Rossi") in longer


def test_only_so_many_questions_are_put_to_the_model() -> None:
    heard = " ".join(f"Kuchinell{letter}" for letter in "abcdefghij")
    asked = proposed(heard, heard, "Cucinelli")
    assert len(asked) == MAX_JUDGED


@pytest.mark.parametrize("kind", NEEDED)
def test_a_verdict_needs_what_its_kind_needs(kind: Kind) -> None:
    assert verdict(kind, HIGH, 0.0).accepted
    assert not verdict(kind, LOW, 0.0).accepted
    assert verdict(kind, NEEDED[kind], 0.0).accepted


def test_the_models_gain_may_turn_a_verdict_both_ways() -> None:
    unsure = NEEDED["spliced"] - 1
    assert not verdict("spliced", unsure, None).accepted
    assert verdict("spliced", unsure, 10.0).accepted
    assert not verdict("spliced", unsure + 2, -10.0).accepted


def test_the_surest_of_overlapping_phrases_is_believed() -> None:
    weaker, surer = verdict("written", 5, None, phrase="Lowe"), verdict("written", 9, None)
    elsewhere = verdict("written", 1, None, first=3, phrase="Dior")
    refused = verdict("written", LOW, None, first=7, phrase="Prada")
    assert believed([weaker, surer, elsewhere, refused]) == [surer, elsewhere]


@pytest.mark.parametrize(
    ("first_pass", "second_pass", "span", "behind"),
    [
        ("a low eve bag", "a Loewe bag", (1, 2), (1, 3)),
        ("a red bag", "a red bag", (1, 2), (1, 2)),
        ("a low eve red bag", "a Loewe red bag", (1, 3), (1, 4)),
        ("a bag", "a Loewe bag", (1, 2), (1, 1)),
        ("a Loro uh Piana coat", "a Loro Piana coat", (1, 3), (1, 4)),
    ],
)
def test_the_words_behind_a_phrase(
    first_pass: str, second_pass: str, span: tuple[int, int], behind: tuple[int, int]
) -> None:
    assert region(*span, differences(hearing(first_pass), hearing(second_pass))) == behind
