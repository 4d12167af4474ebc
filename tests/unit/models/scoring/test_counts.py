"""Errors and phrases of single utterances, counted by hand."""

from functools import reduce
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.scoring.counts import Counts, Judged, judge
from models.scoring.phrases import PhraseFinder

LIST = ["Moynat", "Ida", "Ida Lund", "Ring", "Jacquemus", "Loro Piana"]


def judged(reference: str, transcript: str, spoken: list[str], language: str = "en") -> Judged:
    return judge(reference, transcript, spoken, PhraseFinder(LIST, language), language)


def test_errors_are_shared_out_by_the_reference_words_they_hit() -> None:
    counts = judged("we sold the Moynat bag to Ida", "we sold a Monet bag Ida", ["Moynat", "Ida"]).counts
    assert (counts.words, counts.biased_words) == (7, 2)
    assert (counts.substitutions, counts.deletions, counts.insertions) == (2, 1, 0)
    assert (counts.biased_errors, counts.other_errors) == (1, 2)
    assert (counts.phrases, counts.recalled, counts.false_alarms) == (2, 1, 0)


def test_characters_are_counted_without_spaces() -> None:
    counts = judged("two bags", "too bag", []).counts
    assert (counts.characters, counts.character_errors) == (7, 2)


def test_what_was_missed_and_what_was_made_up_is_named_as_listed() -> None:
    one = judged("the moynat bag", "the jacquemus bag", ["Moynat"])
    assert one.missed == ("Moynat",)
    assert one.false_alarms == ("Jacquemus",)


@pytest.mark.parametrize(
    ("transcript", "biased", "other"),
    [("she came Jacquemus", 1, 0), ("she came here", 0, 1), ("she came Loro", 0, 1), ("she came Loro Piana", 2, 0)],
)
def test_inserted_word_is_biased_inside_a_list_phrase_of_the_transcript(
    transcript: str, biased: int, other: int
) -> None:
    counts = judged("she came", transcript, []).counts
    assert (counts.biased_errors, counts.other_errors) == (biased, other)


def test_list_word_that_was_said_in_another_sense_is_no_false_alarm() -> None:
    assert judged("ring her at six", "Ring her at six", []).counts.false_alarms == 0
    assert judged("bring her at six", "Ring her at six", []).counts.false_alarms == 1


def test_phrase_said_twice_must_be_heard_twice() -> None:
    counts = judged("Ida met Ida", "Ida met", ["Ida"]).counts
    assert (counts.phrases, counts.recalled) == (2, 1)
    assert judged("Ida left", "Ida and Ida left", ["Ida"]).counts.false_alarms == 1


def test_phrase_inside_a_longer_one_is_recalled_and_the_longer_one_a_false_alarm() -> None:
    counts = judged("Ida came", "Ida Lund came", ["Ida"]).counts
    assert (counts.recalled, counts.false_alarms) == (1, 1)


def test_chinese_counts_characters_and_latin_words() -> None:
    counts = judged("他想看Loro Piana的大衣", "他想看罗洛的大衣", ["Loro Piana"], "zh").counts
    assert (counts.words, counts.biased_words, counts.biased_errors, counts.other_errors) == (8, 2, 2, 0)


def test_nothing_said_and_nothing_heard_costs_nothing() -> None:
    assert judged("", "", []).counts == Counts(utterances=1)


def test_words_over_silence_are_insertions() -> None:
    counts = judged("", "thank you Ida", []).counts
    assert (counts.words, counts.insertions, counts.biased_errors, counts.false_alarms) == (0, 3, 1, 1)


SENTENCES = st.lists(st.sampled_from(["ida", "lund", "loro", "piana", "bag", "the"]), max_size=9).map(" ".join)


@given(SENTENCES, SENTENCES)
def test_counts_hang_together(reference: str, transcript: str) -> None:
    counts = judged(reference, transcript, ["Ida", "Loro Piana"]).counts
    assert counts.biased_errors + counts.other_errors == counts.errors
    assert counts.words - counts.deletions + counts.insertions == len(transcript.split())
    assert counts.recalled <= counts.phrases
    assert counts.biased_words <= counts.words


@given(SENTENCES)
def test_perfect_transcript_has_no_errors(text: str) -> None:
    counts = judged(text, text, ["Ida", "Loro Piana"]).counts
    assert (counts.errors, counts.character_errors, counts.false_alarms) == (0, 0, 0)
    assert counts.recalled == counts.phrases


def test_counts_add_up() -> None:
    parts = [judged("Ida came", "Ida came", ["Ida"]).counts, judged("she came", "he came", []).counts]
    total = reduce(add, parts, Counts())
    assert (total.utterances, total.words, total.errors, total.phrases) == (2, 4, 1, 1)
