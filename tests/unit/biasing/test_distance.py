"""Weighted edit distance: what the vectorised recurrence gives is what the textbook gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.biasing.distance import CHANGE, LOST, distance, distances, encode, masses
from service.biasing.spelling import PHONES

sounds = st.text(PHONES, max_size=12)
CODE = {phone: index + 1 for index, phone in enumerate(PHONES)}


def textbook(one: str, other: str) -> float:
    """Wagner and Fischer, cell by cell."""
    row = [0.0]
    for phone in other:
        row.append(row[-1] + LOST[CODE[phone]])
    for phone in one:
        above, row = row, [row[0] + LOST[CODE[phone]]]
        for j, against in enumerate(other):
            changed = above[j] + CHANGE[CODE[phone], CODE[against]]
            row.append(min(changed, above[j + 1] + LOST[CODE[phone]], row[j] + LOST[CODE[against]]))
    return float(row[-1])


@given(st.lists(st.tuples(sounds, sounds), min_size=1, max_size=5))
def test_all_rows_at_once_give_what_each_gives_by_the_textbook(pairs: list[tuple[str, str]]) -> None:
    one, other = (encode(side) for side in zip(*pairs, strict=True))
    expected = [textbook(*pair) for pair in pairs]
    assert distances(*one, *other) == pytest.approx(expected, abs=1e-3)


@given(sounds, sounds)
def test_it_is_the_same_both_ways(one: str, other: str) -> None:
    assert distance(one, [other]) == pytest.approx(distance(other, [one]), abs=1e-3)


@given(sounds, sounds)
def test_only_equal_sounds_are_at_no_distance(one: str, other: str) -> None:
    assert (distance(one, [other]) < 1e-3) == (one == other)


@given(sounds, sounds, st.integers(0, 6), st.integers(0, 6))
def test_padding_never_matters(one: str, other: str, wider: int, and_wider: int) -> None:
    codes, lengths = encode([one])
    others, other_lengths = encode([other])
    padded = np.pad(codes, ((0, 0), (0, wider)))
    others_padded = np.pad(others, ((0, 0), (0, and_wider)))
    bare = distances(codes, lengths, others, other_lengths)
    assert distances(padded, lengths, others_padded, other_lengths) == pytest.approx(bare, abs=1e-3)


@given(sounds, sounds)
def test_to_lose_everything_and_start_again_is_the_worst(one: str, other: str) -> None:
    whole = masses(encode([one, other])[0])
    assert distance(one, [other]) <= whole.sum() + 1e-3
    assert distance(one, [""]) == pytest.approx(whole[0], abs=1e-3)


def test_what_sounds_alike_is_nearer_than_what_does_not() -> None:
    assert distance("kato", ["kapo"]) < distance("kato", ["kalo"])
    assert distance("kato", ["koto"]) < distance("kato", ["kapo"])
    assert distance("kato", ["kaSo", "katu"]) == distance("kato", ["katu"])


def test_nothing_to_compare_is_no_crash() -> None:
    assert distances(*encode([]), *encode([])).shape == (0,)
