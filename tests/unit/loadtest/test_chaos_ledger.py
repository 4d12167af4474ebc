"""Every promise that is broken is noticed."""

from dataclasses import replace

import numpy as np
import pytest
from sotto_client import Acknowledged, Event, Final, Finished, Problem, Resumed, SpeechEnded, SpeechStarted

from loadtest.chaos.decoder import BLOCK, AudioDecoder
from loadtest.chaos.faults import FAULTS, draw
from loadtest.chaos.ledger import Hearing, Said, broken_promises
from service.decoding.utterance import Utterance

EVENTS: tuple[Event, ...] = (
    SpeechStarted(1, "s.0", 0.5),
    Acknowledged(2, 3200),
    SpeechEnded(4, "s.0", 1.5, "silence"),
    Resumed(6, 6400),
    Final(7, "s.0", "said", 0.5, 1.5, "en"),
    Finished(8, 2.0),
)
EXPECTED = [Said("said", 0.5, 1.5)]
BROKEN = {
    "an event again": (*EVENTS[:3], EVENTS[2], *EVENTS[3:]),
    "a final again": (*EVENTS[:5], replace(EVENTS[4], seq=9), replace(EVENTS[5], seq=10)),
    "another text": (*EVENTS[:4], replace(EVENTS[4], text="sad"), EVENTS[5]),
    "no final": (*EVENTS[:4], EVENTS[5]),
    "audio asked for again": (*EVENTS[:3], Resumed(6, 1600), *EVENTS[4:]),
    "less audio heard": (*EVENTS[:5], Finished(8, 1.9)),
    "an error": (*EVENTS[:5], Problem(8, "decode_failed", "why", None, "s.0"), replace(EVENTS[5], seq=9)),
    "no end": EVENTS[:5],
}


def test_an_undisturbed_stream_breaks_no_promise() -> None:
    assert broken_promises(EVENTS, EXPECTED, 2.0) == []


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_is_told(what: str) -> None:
    assert broken_promises(BROKEN[what], EXPECTED, 2.0) != []


def test_a_client_is_served_once_it_has_heard_something_and_waits_for_no_older_final() -> None:
    hearing = Hearing()
    hearing.note(EVENTS[2], now=1.0)
    hearing.note(EVENTS[1], now=3.0)
    assert not hearing.is_served_since(2.0)
    assert hearing.note(EVENTS[4], now=4.0) == 3.0
    assert hearing.is_served_since(2.0)
    assert not hearing.is_served_since(4.0)


def test_the_same_seed_draws_the_same_faults_and_leaves_none_out() -> None:
    kinds = list(FAULTS)
    assert draw(kinds, 60, seed=7) == draw(kinds, 60, seed=7)
    assert set(draw(kinds, len(kinds), seed=7)) == set(kinds)
    assert draw(kinds, 60, seed=7) != draw(kinds, 60, seed=8)


def test_words_follow_the_audio() -> None:
    samples = np.random.default_rng(1).integers(-1000, 1000, 5 * BLOCK, dtype=np.int16)
    whole, missing = AudioDecoder().decode([Utterance(samples), Utterance(np.delete(samples, BLOCK))]).hypotheses
    assert len(whole.tokens) == 5
    assert missing.tokens[0] == whole.tokens[0]
    assert missing.tokens[1] != whole.tokens[1]
    with pytest.raises(ValueError, match="committed words"):
        AudioDecoder().decode([Utterance(samples, prefix=(1,))])
