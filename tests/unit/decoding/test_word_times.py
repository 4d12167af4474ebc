from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.decoding.word_times import timed
from service.transcript import Piece

WORDS = (Piece(" Call", (1,)), Piece(" Siobhan", (2, 3)), Piece(" back.", (4,)))


def test_words_begin_where_their_first_token_does():
    path = [(0, 0), (0, 10), (1, 20), (2, 30), (3, 45), (4, 60)]
    words = timed(WORDS, path, [0.9, 0.5, 0.7, 1.0], duration_s=2.0)
    assert [(w.start, w.end) for w in words] == [(0.0, 0.4), (0.4, 0.9), (0.9, 1.2)]
    assert [w.confidence for w in words] == pytest.approx([0.9, 0.6, 1.0])


def test_the_last_word_does_not_swallow_the_pause_behind_it():
    path = [(0, 0), (1, 20), (2, 30), (3, 45), (4, 300)]
    assert timed(WORDS, path, [1.0] * 4, duration_s=6.0)[-1].end < 2.0


def test_the_first_word_does_not_swallow_the_pause_before_it():
    path = [(0, 0), (1, 200), (2, 210), (3, 225), (4, 240)]
    assert timed(WORDS, path, [1.0] * 4, duration_s=6.0)[0].start > 2.0


def test_a_token_that_the_path_skips_begins_with_the_next():
    words = timed(WORDS, [(0, 0), (2, 30), (3, 45), (4, 60)], [1.0] * 4, duration_s=2.0)
    assert words[1].start == pytest.approx(0.6)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1500)), max_size=30),
    st.floats(0.1, 30),
)
def test_times_rise_and_stay_inside_the_utterance(path, duration_s):
    words = timed(WORDS, path, [0.5] * 4, duration_s)
    times = [time for word in words for time in (word.start, word.end)]
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert times[0] >= 0
    assert times[-1] <= round(duration_s, 3)
