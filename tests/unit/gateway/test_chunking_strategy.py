"""OpenAI's `chunking_strategy` in both spellings, as options of the endpointer."""

import pytest

from service.audio.endpointer import EndpointerOptions
from service.errors import BadRequest
from service.gateway.rest.chunking import chunking_form

OFFLINE = EndpointerOptions.OFFLINE


def test_without_a_strategy_and_with_auto_recordings_are_cut_as_ever() -> None:
    assert chunking_form() == chunking_form("auto") == chunking_form("") == OFFLINE


def test_both_spellings_mean_the_same() -> None:
    bracketed = chunking_form(None, "server_vad", 0.6, 200, 700)
    whole = '{"type": "server_vad", "threshold": 0.6, "prefix_padding_ms": 200, "silence_duration_ms": 700}'
    assert bracketed == chunking_form(whole)
    assert (bracketed.threshold, bracketed.preroll_ms, bracketed.silence_ms) == (0.6, 200, 700)
    assert bracketed.min_utterance_ms == 0  # each pause of that length is a cut
    assert bracketed.max_utterance_ms == OFFLINE.max_utterance_ms


def test_what_is_not_given_stays_as_it_is_for_recordings() -> None:
    plain = chunking_form(None, "server_vad")
    assert (plain.threshold, plain.silence_ms, plain.preroll_ms) == (
        OFFLINE.threshold,
        OFFLINE.silence_ms,
        OFFLINE.preroll_ms,
    )


def test_what_openai_takes_is_brought_into_the_endpointers_ranges() -> None:
    low, high = chunking_form(None, "server_vad", 0.0, 0, 0), chunking_form(None, "server_vad", 1.0, 60_000, 60_000)
    assert (low.threshold, low.preroll_ms, low.silence_ms) == (0.2, 0, 100)
    assert (high.threshold, high.preroll_ms, high.silence_ms) == (0.95, 2_000, 10_000)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("threshold", 1.1, "less than or equal to 1"),
        ("prefix_padding_ms", -1, "greater than or equal to 0"),
        ("silence_duration_ms", -1, "greater than or equal to 0"),
    ],
)
def test_what_openai_does_not_take_is_refused_in_the_clients_words(name: str, value: float, says: str) -> None:
    with pytest.raises(BadRequest, match=says) as refused:
        chunking_form(None, "server_vad", **{name: value})  # type: ignore[arg-type]
    assert refused.value.field == f"chunking_strategy[{name}]"
    with pytest.raises(BadRequest, match=says) as refused:
        chunking_form(f'{{"type": "server_vad", "{name}": {value}}}')
    assert refused.value.field == f"chunking_strategy.{name}"
