"""Spelling rules: any letters become phones of the alphabet, and kindred spellings the same ones."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.biasing.spelling import PHONES, letters, read, readings

LANGUAGES = ["en", "fr", "es", "pt", "it", "de", "zh", "yue", "ga", "sw"]


@given(st.text("abcdefghijklmnopqrstuvwxyz", max_size=30), st.sampled_from(LANGUAGES))
def test_what_is_read_are_phones_and_none_twice_in_a_row(word: str, language: str) -> None:
    for sound in (read(word, language), *readings(word, language)):
        assert set(sound) <= set(PHONES)
        assert all(one != other for one, other in pairwise(sound))


@given(st.text())
def test_letters_are_a_to_z_whatever_is_written(text: str) -> None:
    kept = letters(text)
    assert kept == "" or (kept.isascii() and kept.isalpha() and kept.islower())
    assert letters(kept) == kept


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=20))
def test_every_word_has_as_many_readings_as_every_other(word: str) -> None:
    assert len(readings(word, "en")) == len(readings("a", "en"))


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("phone", "fone", "en"),
        ("knight", "night", "en"),
        ("bag", "pack", "en"),
        ("tchaikovsky", "chaikovsky", "en"),
        ("gucci", "guci", "it"),
        ("beaux", "bo", "fr"),
        ("vaca", "baka", "es"),
        ("siobhan", "shifan", "ga"),
        ("zhang", "jang", "zh"),
    ],
)
def test_spellings_of_one_sound_read_the_same(one: str, other: str, language: str) -> None:
    sounds = {read(one, language), read(other, "en" if language == "ga" else language)}
    assert len(sounds) == 1


@pytest.mark.parametrize(
    ("accented", "bare"),
    [("Hermès", "hermes"), ("Straße", "strasse"), ("Ørsted", "orsted"), ("Łódź", "lodz"), ("İÇ", "ic")],
)
def test_accents_are_dropped(accented: str, bare: str) -> None:
    assert letters(accented) == bare
