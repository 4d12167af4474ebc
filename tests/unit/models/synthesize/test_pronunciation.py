"""Names are spoken as people say them, and nothing else is touched."""

import random

import pytest

from models.synthesize.pronunciation import as_said

SAID = {
    "Loewe": ("lo-eh-veh", "lo-way"),
    "Loewe Puzzle": ("the puzzle",),
    "Ana": ("Anna",),
    "鹿": ("lu",),
    "Smith": (),
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A LOEWE PUZZLE bag.", "A the puzzle bag."),
        ("Ana met Diana in Santa Ana.", "Anna met Diana in Santa Anna."),
        ("Ana's bag, for 'Ana'", "Anna's bag, for 'Anna'"),
        ("他喜欢鹿皮", "他喜欢lu皮"),
        ("他喜欢Ana的包", "他喜欢Anna的包"),
        ("Smith was here.", "Smith was here."),
    ],
)
def test_phrases_are_replaced_where_they_stand(text: str, said: str) -> None:
    assert as_said(text, SAID, random.Random(1)) == said


def test_every_way_of_saying_it_is_heard() -> None:
    heard = {as_said("Loewe", SAID, random.Random(seed)) for seed in range(20)}
    assert heard == {"lo-eh-veh", "lo-way"}


def test_without_pronunciations_the_text_stays() -> None:
    assert as_said("Loewe (a|b)", {}, random.Random(1)) == "Loewe (a|b)"
