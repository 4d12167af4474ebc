"""Words as they are compared."""

import pytest

from service.biasing.matching import differences, plain, region
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
