"""The final text: phrases of the list over the first pass, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.biasing.assembly import Assembled, Placed, assemble, restored, spliced, written
from service.biasing.entries import Entry
from tests.unit.biasing.hearing import decode, encode, hearing

sentences = st.lists(st.sampled_from(["ann", "bob", "cy", "Dee", "Eva,", "fay."]), max_size=8).map(" ".join)
misheard = st.lists(st.sampled_from(["lore", "oh", "piano"]), max_size=4).map(" ".join)


def placed(phrase: str, first: int, last: int) -> Placed:
    return Placed(Entry(phrase), first, last)


def assembled(first_pass: str, second_pass: str, *phrases: Placed) -> Assembled:
    return assemble(hearing(first_pass), hearing(second_pass), phrases, encode)


def text_of(result: Assembled) -> str:
    return decode(result.tokens).strip()


def places_in(result: Assembled) -> list[tuple[str, str]]:
    """Each phrase as it stands in the text, and what the first pass wrote there."""
    return [(decode(result.tokens)[start:end], heard) for start, end, heard in result.places]


@given(sentences, sentences)
def test_without_phrases_the_text_is_the_first_pass_token_for_token(first_pass: str, second_pass: str) -> None:
    words = hearing(first_pass)
    result = assemble(words, hearing(second_pass), (), encode)
    assert result == Assembled(tuple(token for word in words for token in word.tokens), ())


@given(sentences, sentences, misheard)
def test_words_outside_phrases_never_change(before: str, after: str, said: str) -> None:
    """Whatever the first pass heard where the second has the phrase, and although it writes all else in capitals."""
    first_pass = f"{before} {said} {after}"
    second_pass = f"{before.upper()} Loro Piana {after.upper()}"
    at = len(before.split())
    result = assembled(first_pass, second_pass, placed("Loro Piana", at, at + 2))
    assert text_of(result).split() == f"{before} Loro Piana {after}".split()


@given(sentences, sentences)
def test_a_place_is_where_the_phrase_stands(before: str, after: str) -> None:
    at = len(before.split())
    result = assembled(f"{before} low eve {after}", f"{before} Loewe {after}", placed("Loewe", at, at + 1))
    assert places_in(result) == [("Loewe", "low eve")]


@pytest.mark.parametrize(
    ("first_pass", "second_pass", "phrases", "text"),
    [
        pytest.param("low eve bags", "Loewe bags", [placed("Loewe", 0, 1)], "Loewe bags", id="at the start"),
        pytest.param("bags by low eve", "bags by Loewe", [placed("Loewe", 2, 3)], "bags by Loewe", id="at the end"),
        pytest.param("low eve", "Loewe", [placed("Loewe", 0, 1)], "Loewe", id="nothing else"),
        pytest.param(
            "a lore oh piano low eve bag",
            "a Loro Piana Loewe bag",
            [placed("Loro Piana", 1, 3), placed("Loewe", 3, 4)],
            "a Loro Piana Loewe bag",
            id="one after the other",
        ),
        pytest.param(
            "a Loro uh Piana coat", "a Loro Piana coat", [placed("Loro Piana", 1, 3)], "a Loro Piana coat", id="gap"
        ),
        pytest.param(
            "uh Loewe uh bag", "Loewe bag", [placed("Loewe", 0, 1)], "uh Loewe uh bag", id="what is lost beside it"
        ),
        pytest.param("a bag", "a Loewe bag", [placed("Loewe", 1, 2)], "a Loewe bag", id="put in"),
        pytest.param("a bag", "a bag for you", [], "a bag", id="put in without being a phrase"),
        pytest.param("the lo bag", "a Lo bag", [placed("Loewe", 1, 2)], "the Loewe bag", id="written by splice"),
        pytest.param("", "Loewe", [placed("Loewe", 0, 1)], "Loewe", id="nothing was heard"),
        pytest.param("a bag", "", [], "a bag", id="the second pass is empty"),
    ],
)
def test_phrases_take_the_place_of_what_was_heard(
    first_pass: str, second_pass: str, phrases: list[Placed], text: str
) -> None:
    result = assembled(first_pass, second_pass, *phrases)
    assert text_of(result) == text
    assert [phrase for phrase, _ in places_in(result)] == [phrase.entry.phrase for phrase in phrases]


@pytest.mark.parametrize(
    ("heard", "phrase", "text"),
    [
        ("Lowe,", "Loewe", "Loewe,"),
        ("“Lowe!”", "Loewe", "“Loewe!”"),
        ("Lowe's", "Loewe", "Loewe's"),
        ("Lowe’s.", "Loewe", "Loewe’s."),
        ("Chris's", "Chris", "Chris's"),
        ("Levi's", "Levis", "Levis"),
        ("Levis.", "Levi's", "Levi's."),
        ("Levi's.", "Levi's", "Levi's."),
        ("Hermy's,", "Hermès", "Hermès,"),
        ("Yahoo!", "Yahoo!", "Yahoo!"),
        ("Yahoo,", "Yahoo!", "Yahoo!,"),
        ("Apple ink.", "Apple Inc.", "Apple Inc."),
        ("(red)", "(RED)", "(RED)"),
        ("red", "(RED)", "(RED)"),
    ],
)
def test_punctuation_and_possession_stay_and_are_not_doubled(heard: str, phrase: str, text: str) -> None:
    before, middle, after = written(hearing(heard), phrase)
    assert middle == phrase
    assert f"{before}{middle}{after}" == f" {text}"


def test_a_phrase_that_the_model_wrote_itself_keeps_its_tokens() -> None:
    result = assemble(hearing("a low eve bag"), hearing("a Loewe bag"), [placed("Loewe", 1, 2)], lambda text: [0])
    assert decode(result.tokens) == " a Loewe bag"


def test_a_phrase_that_both_passes_wrote_is_what_was_heard() -> None:
    assert places_in(assembled("a loewe, bag", "a Loewe bag", placed("Loewe", 1, 2))) == [("Loewe", "loewe,")]


def test_a_splice_writes_the_phrase_over_its_words() -> None:
    assert decode(spliced(hearing("a low eve's bag."), placed("Loewe", 1, 3), encode)) == " a Loewe's bag."


def test_what_a_prompt_wrote_can_be_taken_back() -> None:
    first_pass, second_pass = hearing("a low eve bag in red"), hearing("a Loewe bag in reds")
    assert decode(restored(first_pass, second_pass, placed("Loewe", 1, 2))) == " a low eve bag in reds"
