"""Which phrases are believed."""

import pytest

from service.biasing.compiled import compiled
from service.biasing.entries import Entry
from service.biasing.gate import MAX_JUDGED, NEEDED, PER_SURE_WORDS, Kind, Proposal, Verdict, believed, proposals
from service.biasing.retrieval import Candidate, retrieve
from tests.unit.biasing.hearing import candidate, hearing

HIGH, LOW = 50.0, -50.0


def proposals_for(first_pass: str, second_pass: str, *phrases: str) -> list[Proposal]:
    brands = [compiled([Entry(phrase) for phrase in phrases], "en")]

    def found(text: str) -> list[Candidate]:
        return retrieve([hearing(text)], brands, language="en")

    return proposals(hearing(first_pass), found(first_pass), hearing(second_pass), found(second_pass))


def proposed(first_pass: str, second_pass: str, *phrases: str) -> list[tuple[Kind, str]]:
    found = proposals_for(first_pass, second_pass, *phrases)
    return [(proposal.kind, proposal.candidate.entry.phrase) for proposal in found]


def heard_behind(first_pass: str, second_pass: str, *phrases: str) -> dict[str, str]:
    """What the first pass wrote where each phrase would go."""
    words = first_pass.split()
    found = proposals_for(first_pass, second_pass, *phrases)
    return {proposal.candidate.entry.phrase: " ".join(words[slice(*proposal.place)]) for proposal in found}


def verdict(
    kind: Kind, score: float, gain: float | None, *, first: int = 0, phrase: str = "Loewe", sure: float = 0.0
) -> Verdict:
    span = first, first + 1
    return Verdict(Proposal(kind, candidate(phrase, *span), *span, span, score, sure), gain)


def test_a_phrase_that_was_heard_is_written() -> None:
    assert proposed("a Loewe bag", "a Loewe bag", "Loewe") == [("written", "Loewe")]


def test_a_phrase_that_came_with_the_prompt_is_prompted() -> None:
    assert proposed("a Loeve bag", "a Loewe bag", "Loewe") == [("prompted", "Loewe")]


def test_a_near_miss_is_spliced() -> None:
    assert proposed("a Loeve bag", "a Loewy bag", "Loewe") == [("spliced", "Loewe")]


def test_a_phrase_that_nothing_heard_resembles_has_no_support() -> None:
    [unsupported] = proposals(
        hearing("a red bag"), [], hearing("a red Loewe"), [candidate("Loewe", 2, 3, heard="Loewe")]
    )
    assert unsupported.needs_judging
    assert not Verdict(unsupported, 0.0).accepted


def test_a_phrase_for_which_nothing_was_heard_is_not_proposed() -> None:
    assert proposals(hearing("a bag"), [], hearing("a Loewe bag"), [candidate("Loewe", 1, 2, heard="Loewe")]) == []


@pytest.mark.parametrize(
    ("first_pass", "second_pass", "phrases"),
    [
        ("a low eve bag", "a Loewe bag", {"Loewe": "low eve"}),
        ("a Loewe bag", "a Loewe bag", {"Loewe": "Loewe"}),
        ("a Loeve, bag", "a Loewy bag", {"Loewe": "Loeve,"}),
        ("Brunella Coochinelly, Oddemar Piget", "Brunello Cucinelli Audemars Piguet bag", {
            "Brunello Cucinelli": "Brunella Coochinelly,", "Audemars Piguet": "Oddemar Piget"}),
        ("a Lo Eve red bag", "a Loewe bag", {"Loewe": "Lo Eve"}),
        ("bags by uh Coochinelly", "bags Cucinelli", {"Cucinelli": "Coochinelly"}),
        ("the Oddemar Piget is nice", "Yes an Audemars Piguet was nice", {"Audemars Piguet": "Oddemar Piget"}),
    ],
    ids=[
        "two words for one",
        "written",
        "spliced",
        "adjacent phrases",
        "a word behind was dropped",
        "words before were dropped",
        "more than the phrase was rewritten",
    ],
)  # fmt: skip
def test_a_phrase_goes_where_the_first_pass_heard_it(
    first_pass: str, second_pass: str, phrases: dict[str, str]
) -> None:
    assert heard_behind(first_pass, second_pass, *phrases) == phrases


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
    assert not verdict(kind, NEEDED[kind] - 0.1, 0.0).accepted


@pytest.mark.parametrize("kind", ["prompted", "spliced"])
def test_more_is_needed_where_common_words_were_sure(kind: Kind) -> None:
    half, all_of_them = (verdict(kind, 0.0, None, sure=sure).needed for sure in (0.5, 1.0))
    assert NEEDED[kind] < half < all_of_them == NEEDED[kind] + PER_SURE_WORDS


def test_what_was_heard_as_listed_needs_no_more_where_it_was_sure() -> None:
    assert verdict("written", 0.0, None, sure=1.0).needed == NEEDED["written"]


def test_common_sure_words_are_not_replaced_by_a_homophone_on_a_short_list() -> None:
    for second_pass in ("Welkom Too the shop", "welcome to the shop"):
        found = proposals_for("welcome to the shop", second_pass, "Welkom Too")
        assert not any(Verdict(proposal, 0.0).accepted for proposal in found)
    doubted = proposals_for("Welcom Tu the shop", "Welkom Too the shop", "Welkom Too")
    assert any(Verdict(proposal, 0.0).accepted for proposal in doubted)


def test_only_words_that_are_both_common_and_sure_count() -> None:
    [mixed] = proposals_for("a loeve Bag", "a Loewe Bag", "Loewe Bag")
    assert mixed.sure == 0.5


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
