"""Words as they are compared."""

import pytest

from service.biasing.matching import differences, plain
from tests.unit.biasing.hearing import hearing


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hermès,", "hermes"),
        ("Cucinelli's", "cucinelli"),
        ("Cucinelli’s", "Cucinelli's"),
        ("“Loewe!”", "loewe"),
        ("O'Neill", "ONeill"),
        ("Straße", "straße"),
    ],
)
def test_case_accents_punctuation_and_possession_make_no_difference(one: str, other: str) -> None:
    assert plain(one) == plain(other)


@pytest.mark.parametrize(("one", "other"), [("Loewe", "Lowe"), ("Loewe Dior", "LoeweDior"), ("李娜", "李纳")])
def test_spelling_does(one: str, other: str) -> None:
    assert plain(one) != plain(other)


def test_only_other_words_differ() -> None:
    blocks = differences(hearing("She wore low eve shoes."), hearing("she wore Loewe shoes"))
    assert [block for block in blocks if block[0] != "equal"] == [("replace", 2, 4, 2, 3)]


def test_nothing_differs_from_nothing() -> None:
    assert list(differences([], [])) == []
