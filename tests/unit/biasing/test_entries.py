"""Entries of a bias list: each is accepted or rejected on its own, and never harms the others."""

import json
from typing import Any

import pytest

from service.biasing.entries import (
    MAX_CHARACTERS,
    MAX_ENTRIES,
    Entry,
    Reason,
    check,
    digest,
    dump,
    load,
)
from service.errors import TooManyEntries

GOOD = "Brunello Cucinelli"


def test_strings_and_objects_become_entries() -> None:
    sent = [GOOD, {"phrase": "Loewe", "boost": 2, "sounds_like": ["lo way vay", "low eve"], "language": "ES"}]
    assert check(sent).accepted == (Entry(GOOD), Entry("Loewe", 2.0, ("lo way vay", "low eve"), "es"))


@pytest.mark.parametrize(
    "phrase", ["李娜", "Юлия Ким", "محمد", "ऋषि", "Łódź", "O’Neill-Smith", "3M", "the", "like", "A"]
)
def test_every_script_and_common_words_are_accepted(phrase: str) -> None:
    assert [entry.phrase for entry in check([phrase]).accepted] == [phrase]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("", "empty"),
        (" \t ", "empty"),
        ("\u200b", "empty"),
        ({"phrase": ""}, "empty"),
        ("x" * 300, "too_long"),
        ("a b c d e f g h i", "too_long"),
        ({"phrase": GOOD, "sounds_like": ["x" * 300]}, "too_long"),
        ({"phrase": GOOD, "sounds_like": ["x"] * 11}, "too_long"),
        ("Bru\x00nello", "control_character"),
        ("two\nlines", "control_character"),
        ("\ud83d", "control_character"),
        ("🍷🥂", "no_pronunciation"),
        ("—…!", "no_pronunciation"),
        (7, "invalid"),
        (None, "invalid"),
        ([GOOD], "invalid"),
        ({}, "invalid"),
        ({"phrase": ["a"]}, "invalid"),
        ({"phrase": GOOD, "weight": 2}, "invalid"),
        ({"phrase": GOOD, "\udc00" * 5000: 2}, "invalid"),
        ({"phrase": GOOD, "boost": "2"}, "invalid"),
        ({"phrase": GOOD, "boost": True}, "invalid"),
        ({"phrase": GOOD, "boost": 2.01}, "invalid"),
        ({"phrase": GOOD, "boost": -1}, "invalid"),
        ({"phrase": GOOD, "boost": float("nan")}, "invalid"),
        ({"phrase": GOOD, "boost": float("inf")}, "invalid"),
        ({"phrase": GOOD, "boost": 10**400}, "invalid"),
        ({"phrase": 10**5000}, "invalid"),
        ({"phrase": GOOD, "sounds_like": 3}, "invalid"),
        ({"phrase": GOOD, "sounds_like": [3]}, "invalid"),
        ({"phrase": GOOD, "language": "french"}, "invalid"),
        ({"phrase": GOOD, "language": 3}, "invalid"),
    ],
    ids=lambda value: value if value in Reason.__args__ else "",  # type: ignore[attr-defined]
)
def test_a_bad_entry_is_rejected_alone_and_can_be_told(sent: Any, reason: str) -> None:
    checked = check(["first", sent, "last"])
    assert [entry.phrase for entry in checked.accepted] == ["first", "last"]
    [rejection] = checked.rejected
    assert (rejection.index, rejection.reason) == (1, reason)
    assert rejection.message
    told = json.dumps(rejection.to_json(), ensure_ascii=False).encode()
    assert len(told) < 10 * MAX_CHARACTERS


def test_the_second_of_two_equal_phrases_is_a_duplicate() -> None:
    checked = check(["Zoë", {"phrase": " Zoe\u0308 ", "boost": 2}, "zoë"])
    assert checked.accepted == (Entry("Zoë"), Entry("zoë"))
    assert [(each.index, each.reason) for each in checked.rejected] == [(1, "duplicate")]


def test_spaces_and_invisible_characters_do_not_matter_but_joiners_do() -> None:
    sent = ["\ufeffMax\u00a0 Mara\u200b", "می\u200cخواهم"]
    assert [entry.phrase for entry in check(sent).accepted] == ["Max Mara", "می\u200cخواهم"]


def test_one_entry_too_many_is_an_error() -> None:
    assert len(check([f"Client {i}" for i in range(MAX_ENTRIES)]).accepted) == MAX_ENTRIES
    with pytest.raises(TooManyEntries, match=r"10,001 entries; at most 10,000"):
        check([f"Client {i}" for i in range(MAX_ENTRIES + 1)])


def test_a_digest_names_content_and_order() -> None:
    one, two = Entry("a", 1.5, ("eh",), "en"), Entry("b")
    assert digest((one, two)) == digest((Entry("a", 1.5, ("eh",), "en"), two))
    assert len({digest(each) for each in [(one, two), (two, one), (one,), ()]}) == 4


def test_what_is_dumped_is_loaded() -> None:
    entries = (Entry("a", 0.0, ("eh", "ah"), "en"), Entry("李娜"))
    assert load(dump(entries)) == entries
