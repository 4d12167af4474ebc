import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.decoding.guards import (
    MIN_EVIDENCE,
    compression_ratio,
    evidence,
    is_doubtful,
    is_speech,
    mean_logprob,
    without_loop,
)


@pytest.mark.parametrize(
    ("tokens", "kept"),
    [
        ([1, 2, 3, 1, 2, 3, 1, 2, 3], [1, 2, 3]),
        ([9, 8, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1], [9, 8, 1, 2, 3]),  # the last copy may be cut short
        ([5] * 12, [5]),
        ([4, 5] * 10, [4, 5]),
    ],
)
def test_a_loop_is_cut_to_its_first_copy(tokens, kept):
    assert without_loop(tokens, hurried=False) == tuple(kept)


@pytest.mark.parametrize("tokens", [[], [1], [7, 7, 7, 7], [1, 2, 3, 4, 1, 2, 3, 4], [1, 2, 1, 2, 3], list(range(40))])
def test_what_people_say_is_left_alone(tokens):
    assert without_loop(tokens, hurried=False) == tuple(tokens)


def test_two_copies_are_a_loop_when_nobody_could_have_spoken_them():
    assert without_loop([1, 2, 3, 4, 1, 2, 3, 4], hurried=True) == (1, 2, 3, 4)


@given(st.lists(st.integers(0, 3), max_size=60), st.booleans())
def test_cutting_loops_keeps_a_beginning(tokens, hurried):
    kept = without_loop(tokens, hurried=hurried)
    assert list(kept) == tokens[: len(kept)]
    assert bool(kept) == bool(tokens)


def test_repetition_compresses():
    assert compression_ratio("") == 1.0
    assert compression_ratio("The client wants to see the new collection.") < 1.2
    assert compression_ratio("I am going to the next room. " * 10) > 2.4


def test_evidence_is_what_the_audio_adds_per_token():
    assert evidence([0.5, 0.5], [0.5, 0.5]) == pytest.approx(0.0)
    assert evidence([0.9, 0.9], [0.009, 0.009]) == pytest.approx(4.605, abs=1e-3)
    assert evidence([], []) == 0.0
    assert evidence([0.0], [0.0]) == 0.0  # no logarithm of zero


def test_mean_logprob_of_certainty_is_zero():
    assert mean_logprob([1.0, 1.0]) == 0.0
    assert mean_logprob([]) == 0.0


def test_only_doubtful_hypotheses_must_show_evidence():
    assert not is_doubtful(-0.1, 0.01, looped=False)
    assert is_doubtful(-0.9, 0.01, looped=False)
    assert is_doubtful(-0.1, 0.9, looped=False)
    assert is_doubtful(-0.1, 0.01, looped=True)


def test_speech_is_likelier_with_the_audio_than_with_silence():
    assert is_speech(-0.8, MIN_EVIDENCE + 1)
    assert not is_speech(-0.8, MIN_EVIDENCE - 1)
    assert not is_speech(-2.0, MIN_EVIDENCE + 1)
