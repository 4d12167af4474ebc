"""Latency figures of event logs that were written by hand; every time is in seconds."""

import pytest
from sotto_client import Event, Final, Partial, SpeechStarted, Word

from loadtest.timings import (
    Arrival,
    StreamLog,
    Utterance,
    commit_delays,
    final_delays,
    first_text_delays,
    missed,
    refresh_gaps,
    transcript,
)

HELLO = Utterance(1.0, 3.0, "hello there friend")
AGAIN = Utterance(3.4, 5.0, "and again")
LATER = Utterance(8.0, 9.0, "later")


def partial(at: float, committed: str = "", tentative: str = "", *, of: str = "a") -> Arrival:
    return Arrival(at, Partial(0, of, committed, tentative, 1.0, at))


def final(at: float, start: float, end: float, text: str = "text", *, of: str = "a", words: list[Word] | None = None):
    return Arrival(at, Final(0, of, text, start, end, "en", tuple(words or ())))


def log(*arrivals: Arrival, utterances: tuple[Utterance, ...] = (HELLO,), duration: float = 10.0) -> StreamLog:
    return StreamLog(utterances, arrivals, duration)


def test_first_text_counts_from_the_true_start_to_the_first_words() -> None:
    run = log(Arrival(1.1, SpeechStarted(0, "a", 1.0)), partial(1.5), partial(1.8, "", "hel"), final(3.6, 0.9, 3.1))
    assert first_text_delays(run) == [pytest.approx(0.8)]


def test_first_text_is_the_final_when_no_partial_came() -> None:
    assert first_text_delays(log(final(3.6, 0.9, 3.1))) == [pytest.approx(2.6)]


def test_final_delay_counts_from_the_true_end_of_speech() -> None:
    assert final_delays(log(final(3.7, 0.9, 3.2))) == [(3.0, pytest.approx(0.7))]


def test_final_over_two_utterances_counts_for_the_second_only() -> None:
    run = log(final(5.8, 1.0, 5.1), utterances=(HELLO, AGAIN))
    assert final_delays(run) == [(5.0, pytest.approx(0.8))]
    assert missed(run) == []


def test_utterance_that_was_cut_counts_for_its_last_final() -> None:
    run = log(final(2.3, 0.9, 2.0), final(3.9, 2.0, 3.1, of="b"))
    assert final_delays(run) == [(3.0, pytest.approx(0.9))]
    assert len(first_text_delays(run)) == 1


def test_utterance_without_a_final_is_missed() -> None:
    assert missed(log(final(3.7, 0.9, 3.2), utterances=(HELLO, LATER))) == [LATER]


def test_final_where_nothing_was_said_is_no_latency() -> None:
    run = log(final(7.0, 6.0, 6.5, "mm"), utterances=(HELLO,))
    assert final_delays(run) == []
    assert missed(run) == [HELLO]


def test_refresh_gap_is_the_longest_silence_of_the_captions_while_speech_lasts() -> None:
    run = log(partial(1.6, "", "he"), partial(2.9, "he", "llo"), final(3.6, 0.9, 3.1))
    assert refresh_gaps(run) == [pytest.approx(1.3)]


def test_refresh_gap_includes_the_start_and_the_end_of_speech() -> None:
    assert refresh_gaps(log(partial(2.2, "", "he"), final(3.6, 0.9, 3.1))) == [pytest.approx(1.2)]
    assert refresh_gaps(log(partial(1.1, "", "he"), final(3.6, 0.9, 3.1))) == [pytest.approx(1.9)]


def test_captions_after_the_end_of_speech_do_not_count_as_refresh() -> None:
    assert refresh_gaps(log(partial(2.0, "", "he"), partial(9.0, "he"), final(9.5, 0.9, 3.1))) == [pytest.approx(1.0)]


def test_word_is_committed_when_it_first_stands_in_committed_text() -> None:
    words = [Word("Hello", 1.0, 1.4, 1), Word("there", 1.5, 2.0, 1), Word("friend", 2.1, 2.9, 1)]
    run = log(
        partial(1.9, "Hello", " the"),
        partial(2.5, "Hello there", " fri"),
        final(3.6, 1.0, 3.0, "Hello there friend", words=words),
    )
    assert commit_delays(run) == [pytest.approx(0.5), pytest.approx(0.5), pytest.approx(0.7)]


def test_commit_delays_work_without_spaces_between_words() -> None:
    words = [Word("你好", 1.0, 1.4, 1), Word("朋友", 1.5, 2.0, 1)]
    run = log(partial(1.9, "你好", "朋"), final(3.6, 1.0, 3.0, "你好朋友", words=words))
    assert commit_delays(run) == [pytest.approx(0.5), pytest.approx(1.6)]


def test_transcript_joins_finals_in_order() -> None:
    events: list[Event] = [final(3, 1, 2, "One.").event, final(5, 3, 4, "").event, final(7, 5, 6, "Two.").event]
    assert transcript(log(*(Arrival(n, event) for n, event in enumerate(events)))).split() == ["One.", "Two."]
