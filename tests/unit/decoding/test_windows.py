import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.decoding.windows import BUCKETS, MAX_SAMPLES, MIN_PADDING, window_for

RATE = 16_000


@given(st.integers(0, MAX_SAMPLES))
def test_window_is_the_smallest_bucket_that_leaves_the_padding(n_samples):
    window = window_for(n_samples)
    assert window in BUCKETS
    assert window >= n_samples + MIN_PADDING
    assert all(smaller < n_samples + MIN_PADDING for smaller in BUCKETS if smaller < window)


def test_longest_utterance_of_the_endpointer_fits():
    assert window_for(26 * RATE) == BUCKETS[-1]


def test_audio_over_the_largest_window_is_refused_not_cut():
    with pytest.raises(ValueError, match="longer than"):
        window_for(MAX_SAMPLES + 1)
