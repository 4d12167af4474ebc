"""Which candidates the second pass is told of."""

import pytest

from service.biasing.selection import MARGIN, MAX_PROMPTED, PROMPT_SCORE, is_written, prompt_text, prompted
from tests.unit.biasing.hearing import candidate

GOOD = PROMPT_SCORE + 20


def test_what_scores_too_little_is_not_prompted() -> None:
    unlikely = candidate("Loewe", 0, 1, score=PROMPT_SCORE - 0.1)
    assert prompted([unlikely]) == []


def test_a_prompt_is_short_whatever_was_found() -> None:
    many = [candidate(f"Name {i}", i, i + 1, score=GOOD - i / 100) for i in range(3 * MAX_PROMPTED)]
    assert prompted(many) == many[:MAX_PROMPTED]


def test_a_phrase_that_was_heard_twice_is_prompted_once() -> None:
    twice = [candidate("Loewe", 0, 1, score=GOOD), candidate("Loewe", 4, 5, score=GOOD)]
    assert prompted(twice) == twice[:1]


def test_a_much_likelier_phrase_at_the_same_words_stands_alone() -> None:
    best = candidate("Maria Rossi", 0, 2, score=GOOD)
    rival = candidate("Mario Russo", 0, 2, score=GOOD - MARGIN - 1)
    close = candidate("Marie Rossi", 0, 2, score=GOOD - MARGIN + 1)
    elsewhere = candidate("Marco Rizzo", 5, 7, score=GOOD - MARGIN - 2)
    assert prompted([best, close, rival, elsewhere]) == [best, close, elsewhere]


def test_nothing_rivals_a_phrase_that_stands_there_already() -> None:
    written = candidate("Loewe", 0, 1, heard="Loewe,", score=GOOD)
    rival = candidate("Lowe", 0, 1, heard="Loewe,", score=GOOD - 0.1)
    other = candidate("Dior", 3, 4, heard="Dyore", score=GOOD - 1)
    assert prompted([written, rival, other]) == [written, other]


def test_where_all_phrases_stand_already_there_is_no_second_pass() -> None:
    assert prompted([candidate("Loewe", 0, 1, heard="Loewe's", score=GOOD)]) == []


def test_a_phrase_is_written_whatever_its_case_and_punctuation() -> None:
    assert is_written(candidate("Brunello Cucinelli", 0, 2, heard="brunello Cucinelli's."))
    assert not is_written(candidate("Brunello Cucinelli", 0, 2, heard="Brunello Cucinelly"))


@pytest.mark.parametrize(
    ("language", "text"), [("en", "Dior, Loewe."), ("fr", "Dior, Loewe."), ("zh", "Dior、Loewe。")]
)
def test_the_likeliest_phrase_stands_last(language: str, text: str) -> None:
    assert prompt_text([candidate("Loewe", 0, 1), candidate("Dior", 2, 3)], language) == text
