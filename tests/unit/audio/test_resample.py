import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.audio.resample import Resampler
from service.transcript import SAMPLE_RATE

RATES = [8000, 11025, 12000, 22050, 24000, 32000, 44100, 48000, 96000]
ODD_RATES = [8001, 12345, 47999]
LIVE_RATES = [8000, 24000, 44100, 48000]
NOISE = np.random.default_rng(7).normal(0, 4000, 30_000).astype(np.int16)
AMPLITUDE = 10_000


def whole(rate: int, samples: np.ndarray) -> np.ndarray:
    resampler = Resampler(rate)
    return np.concatenate([resampler.feed(samples), resampler.flush()])


def tone(frequency: float, rate: int) -> np.ndarray:
    """A second of it, with ends that fade: a tone that is switched on has every frequency."""
    samples = AMPLITUDE * np.sin(2 * np.pi * frequency * np.arange(rate) / rate) * np.hanning(rate)
    return np.rint(samples).astype(np.int16)


def level_db(error: np.ndarray) -> float:
    """Of an error, against the tone that it is of."""
    return float(20 * np.log10(max(np.abs(error).max(), 1e-3) / AMPLITUDE))


@pytest.mark.parametrize("rate", RATES)
def test_the_speech_band_passes_as_it_is_at_the_same_time(rate: int) -> None:
    top = min(7300, 0.42 * rate)
    for frequency in np.linspace(100, top, 12):
        error = whole(rate, tone(frequency, rate)).astype(int) - tone(frequency, SAMPLE_RATE)
        assert level_db(error) < -60


@pytest.mark.parametrize("rate", [22050, 24000, 32000, 44100, 48000, 96000])
def test_what_16_khz_cannot_hold_is_gone(rate: int) -> None:
    for frequency in np.linspace(8010, rate / 2 - 100, 40):
        assert level_db(whole(rate, tone(frequency, rate))) < -70


@pytest.mark.parametrize("rate", [8000, 11025, 12000])
def test_a_narrow_band_stays_narrow(rate: int) -> None:
    for frequency in np.linspace(100, rate / 2 - 100, 40):
        spectrum = np.abs(np.fft.rfft(whole(rate, tone(frequency, rate))))
        assert level_db(spectrum[rate // 2 :] * 4 / SAMPLE_RATE) < -70


@pytest.mark.parametrize("rate", ODD_RATES)
def test_an_odd_rate_stays_in_step(rate: int) -> None:
    error = whole(rate, tone(1000, rate)).astype(int) - tone(1000, SAMPLE_RATE)
    assert level_db(error) < -30


@pytest.mark.parametrize("rate", LIVE_RATES)
def test_no_more_than_4_ms_and_two_samples_are_held_back(rate: int) -> None:
    resampler, given = Resampler(rate), 0
    for end in range(20, len(NOISE), 20):
        given += len(resampler.feed(NOISE[end - 20 : end]))
        assert given / SAMPLE_RATE >= (end - 2) / rate - 0.004 - 1e-9


def test_16_khz_passes_unchanged() -> None:
    np.testing.assert_array_equal(whole(SAMPLE_RATE, NOISE), NOISE)


@settings(max_examples=60, deadline=None)
@given(
    rate=st.sampled_from([*RATES, *ODD_RATES]),
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
    output = np.concatenate([*outputs, resampler.flush()])
    assert len(output) == round(length * SAMPLE_RATE / rate)
    np.testing.assert_array_equal(output, whole(rate, samples))


@pytest.mark.parametrize("rate", LIVE_RATES)
def test_a_state_is_small(rate: int) -> None:
    resampler = Resampler(rate)
    resampler.feed(NOISE)
    assert len(resampler.state()["tail"]) < 1024


def test_the_loudest_sound_is_clipped_and_does_not_wrap() -> None:
    square = np.repeat(np.tile([32767, -32768], 200), 24).astype(np.int16)
    expected = np.sign(square[1::3].astype(int))  # the middle of each run of three inputs
    assert np.mean(np.sign(whole(48_000, square).astype(int)) == expected) > 0.99
