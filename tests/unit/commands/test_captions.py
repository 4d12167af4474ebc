"""Captions as text: no terminal is needed to see what would be shown."""

import pytest
from sotto_client import Final, Partial, Problem, SpeechEnded, SpeechStarted

from service.commands.captions import Captions, stamp


def partial(committed: str, tentative: str, *, of: str = "a", start: float = 1.0) -> Partial:
    return Partial(1, of, committed, tentative, start, 3.0)


def final(text: str, *, of: str = "a", start: float = 1.0) -> Final:
    return Final(2, of, text, start, 3.0, "en")


def test_committed_words_are_plain_and_tentative_words_dim() -> None:
    captions = Captions()
    assert captions.feed(partial("Good morning", " doctor")) == []
    line = captions.open_line()
    assert line.plain == "[00:01.0] Good morning doctor"
    dim = [line.plain[span.start : span.end] for span in line.spans if span.style == "dim"]
    assert dim == [" doctor"]


def test_final_becomes_a_line_and_closes_its_caption() -> None:
    captions = Captions()
    captions.feed(partial("Good", " morning"))
    (line,) = captions.feed(final("Good morning."))
    assert line.plain == "[00:01.0] Good morning."
    assert not captions.open_line()


def test_caption_of_the_next_utterance_survives_an_earlier_final() -> None:
    captions = Captions()
    captions.feed(partial("One", ""))
    captions.feed(partial("Two", "", of="b", start=4.0))
    assert captions.open_line().plain == "[00:01.0] One [00:04.0] Two"
    captions.feed(final("One."))
    assert captions.open_line().plain == "[00:04.0] Two"


def test_empty_final_and_other_events_print_nothing() -> None:
    captions = Captions()
    assert captions.feed(final("")) == []
    assert captions.feed(SpeechStarted(1, "a", 0.5)) == []
    assert not captions.open_line()


def test_caption_stays_from_the_end_of_speech_to_the_final() -> None:
    captions = Captions()
    captions.feed(partial("Good", " morning"))
    assert captions.feed(SpeechEnded(2, "a", 2.9, "silence")) == []
    assert captions.open_line().plain == "[00:01.0] Good morning"


def test_failed_utterance_says_so_and_closes_its_caption() -> None:
    captions = Captions()
    captions.feed(partial("Good", " morning"))
    (line,) = captions.feed(Problem(3, "decode_failed", "out of memory", None, "a"))
    assert line.plain == "[not transcribed: out of memory]"
    assert not captions.open_line()


def test_latency_is_noted_when_asked_for() -> None:
    (line,) = Captions().feed(final("Yes."), 0.714)
    assert line.plain == "[00:01.0] Yes.  (0.71 s after the end)"


def test_markup_in_speech_is_shown_as_it_is() -> None:
    (line,) = Captions().feed(final("[bold]x[/bold]"))
    assert line.plain.endswith("[bold]x[/bold]")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "[00:00.0]"), (9.96, "[00:10.0]"), (59.95, "[01:00.0]"), (61.24, "[01:01.2]"), (7325, "[122:05.0]")],
)
def test_stamps(seconds: float, expected: str) -> None:
    assert stamp(seconds) == expected
