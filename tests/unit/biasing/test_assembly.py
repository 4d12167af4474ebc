"""The final text: phrases of the list over the first pass, and nothing else."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.biasing.assembly import Assembled, Placed, assemble, restored, written
from service.biasing.entries import Entry
from tests.unit.biasing.hearing import decode, encode, hearing

WORDS = ["ann", "bob", "cy.", "Dee", "Eva,", "“fay”", "gus's"]
NAMES = ["Loro Piana", "Loewe", "Levi's", "O'Neill & Söhne", "李娜"]


def placed(phrase: str, first: int, last: int) -> Placed:
    return Placed(Entry(phrase), first, last)


def assembled(text: str, *phrases: Placed) -> Assembled:
    return assemble(hearing(text), phrases, encode)


def text_of(result: Assembled) -> str:
    return decode(result.tokens).strip()


@st.composite
def texts_with_phrases(draw: st.DrawFn) -> tuple[str, list[Placed]]:
    """Words, and phrases over some of them, in any order."""
    text = draw(st.lists(st.sampled_from(WORDS), max_size=12))
    borders = sorted(draw(st.sets(st.integers(0, len(text)))))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=len(borders), max_size=len(borders)))
    phrases = [placed(name, first, last) for name, (first, last) in zip(names, pairwise(borders), strict=False)]
    kept = [phrase for phrase in phrases if draw(st.booleans())]
    return " ".join(text), draw(st.permutations(kept))


@given(texts_with_phrases())
def test_words_outside_phrases_stay_token_for_token(given_text: tuple[str, list[Placed]]) -> None:
    text, phrases = given_text
    result, words, position = assembled(text, *phrases), hearing(text), 0
    rest = decode(result.tokens)
    for phrase in sorted(phrases, key=lambda phrase: phrase.first):
        before = "".join(word.text for word in words[position : phrase.first])
        put = "".join(written(words[phrase.first : phrase.last], phrase.entry.phrase))
        assert rest.startswith(before + put)
        rest, position = rest.removeprefix(before + put), phrase.last
    assert rest == "".join(word.text for word in words[position:])


@given(texts_with_phrases())
def test_a_place_is_where_the_phrase_stands(given_text: tuple[str, list[Placed]]) -> None:
    text, phrases = given_text
    result = assembled(text, *phrases)
    standing = [decode(result.tokens)[start:end] for start, end in result.places]
    assert standing == [phrase.entry.phrase for phrase in phrases]


def test_without_phrases_the_tokens_are_those_of_the_words() -> None:
    words = hearing("a low eve, bag")
    assert assemble(words, (), lambda _: [0]) == Assembled(tuple(token for word in words for token in word.tokens), ())


@pytest.mark.parametrize(
    ("heard", "phrases", "text"),
    [
        pytest.param("low eve bags", [placed("Loewe", 0, 2)], "Loewe bags", id="at the start"),
        pytest.param("bags by low eve", [placed("Loewe", 2, 4)], "bags by Loewe", id="at the end"),
        pytest.param("low eve", [placed("Loewe", 0, 2)], "Loewe", id="nothing else"),
        pytest.param(
            "a lore oh piano, low eve bag",
            [placed("Loewe", 4, 6), placed("Loro Piana", 1, 4)],
            "a Loro Piana, Loewe bag",
            id="one after the other",
        ),
        pytest.param("uh Lowe, uh. Bag", [placed("Loewe", 1, 2)], "uh Loewe, uh. Bag", id="punctuation of all words"),
        pytest.param("a bag", [], "a bag", id="no phrase"),
        pytest.param("", [], "", id="nothing was heard"),
    ],
)
def test_phrases_take_the_place_of_what_was_heard(heard: str, phrases: list[Placed], text: str) -> None:
    assert text_of(assembled(heard, *phrases)) == text


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
    result = assemble(hearing("a Loewe, bag"), [placed("Loewe", 1, 2)], lambda _: [0])
    assert decode(result.tokens) == " a Loewe, bag"


def test_what_a_prompt_wrote_can_be_taken_back() -> None:
    first_pass, second_pass = hearing("a low eve bag in red"), hearing("a Loewe bag in reds")
    assert decode(restored(first_pass, second_pass, placed("Loewe", 1, 2))) == " a low eve bag in reds"
