import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from service.audio.resample import Resampler
from service.transcript import SAMPLE_RATE

RATES = [8000, 11025, 12000, 22050, 24000, 32000, 44100, 48000, 96000]
NOISE = np.random.default_rng(7).normal(0, 4000, 30_000).astype(np.int16)


def whole(rate: int, samples: np.ndarray) -> np.ndarray:
    resampler = Resampler(rate)
    return np.concatenate([resampler.feed(samples), resampler.flush()])


@pytest.mark.parametrize("rate", RATES)
def test_output_is_that_of_soxr_over_the_whole_signal(rate: int) -> None:
    expected = soxr.resample(NOISE / 32768, rate, SAMPLE_RATE, quality="HQ") * 32768
    output = whole(rate, NOISE)
    assert len(output) == round(len(NOISE) * SAMPLE_RATE / rate)
    common = min(len(output), len(expected))
    assert np.abs(output[:common] - expected[:common]).max() < 2


def test_16_khz_passes_unchanged() -> None:
    np.testing.assert_array_equal(whole(SAMPLE_RATE, NOISE), NOISE)


@settings(max_examples=60, deadline=None)
@given(
    rate=st.sampled_from(RATES),
    length=st.integers(0, len(NOISE)),
    cuts=st.lists(st.tuples(st.integers(0, len(NOISE)), st.booleans()), max_size=12),
)
def test_any_cut_and_any_restart_give_the_same_samples(rate: int, length: int, cuts: list[tuple[int, bool]]) -> None:
    samples = NOISE[:length]
    resampler, outputs, at = Resampler(rate), [], 0
    for end, restart in [*sorted(cuts), (length, False)]:
        outputs.append(resampler.feed(samples[at : max(end, at)]))
        at = max(end, at)
        if restart:
            state = resampler.state()
            resampler = Resampler(rate)
            resampler.load(state)
    output = np.concatenate([*outputs, resampler.flush()]).astype(int)
    expected = whole(rate, samples)
    assert len(output) == len(expected)
    assert np.abs(output - expected).max(initial=0) <= 2


@pytest.mark.parametrize("rate", [8001, 12345, 47999])
def test_odd_rates_keep_their_count_over_restarts(rate: int) -> None:
    resampler, outputs = Resampler(rate), []
    for start in range(0, len(NOISE), 1000):
        outputs.append(resampler.feed(NOISE[start : start + 1000]))
        state = resampler.state()
        resampler = Resampler(rate)
        resampler.load(state)
    assert len(np.concatenate([*outputs, resampler.flush()])) == round(len(NOISE) * SAMPLE_RATE / rate)
