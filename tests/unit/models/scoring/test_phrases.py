from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.scoring.normalise import tokens
from models.scoring.phrases import PhraseFinder

LIST = ["Ana", "Loro Piana", "Ana Ivanova", "Saint Aldhelm's", "Hermès", "Anas"]


def found(text: str, language: str = "en", phrases: list[str] = LIST) -> list[str]:
    finder = PhraseFinder(phrases, language)
    return [finder.spelling(occurrence.key) for occurrence in finder.find(tokens(text, language))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ana saw loro piana.", ["Ana", "Loro Piana"]),
        ("Ana Ivanova", ["Ana Ivanova"]),
        ("banana", []),
        ("Loro", []),
        ("Loro and Piana", []),
        ("Ana Ana", ["Ana", "Ana"]),
        ("Loro Piana's coats", ["Loro Piana"]),
        ("at St Aldhelms", ["Saint Aldhelm's"]),
        ("an Hermes bag", ["Hermès"]),
        ("Ana's bag", ["Ana"]),
        ("", []),
    ],
)
def test_whole_words_longest_first(text: str, expected: list[str]) -> None:
    assert found(text) == expected


def test_of_two_spellings_with_the_same_tokens_the_first_counts() -> None:
    assert found("hermes", phrases=["HERMES", "Hermès"]) == ["HERMES"]


def test_possessive_s_is_english() -> None:
    assert found("la borsa di Anas", "it", ["Ana"]) == []


def test_latin_phrase_is_found_inside_chinese() -> None:
    assert found("他想看Loro Piana的大衣", "zh") == ["Loro Piana"]


def test_phrase_without_words_is_ignored() -> None:
    assert found("what now", phrases=["?!", "now"]) == ["now"]


WORDS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4)


@given(st.lists(WORDS, max_size=6), st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=20))
def test_occurrences_are_on_the_list_and_do_not_overlap(phrases: list[list[str]], words: list[str]) -> None:
    finder = PhraseFinder([" ".join(phrase) for phrase in phrases], "fr")
    occurrences = finder.find(words)
    assert all(words[o.start : o.stop] in phrases for o in occurrences)
    assert all(one.stop <= other.start for one, other in pairwise(occurrences))
    inside = {at for o in occurrences for at in range(o.start, o.stop)}
    assert all(at in inside for at, word in enumerate(words) if [word] in phrases)
