import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from service.decoding.features import LogMel
from service.decoding.windows import BUCKETS, window_for

RATE = 16_000


def plain(samples, window):
    """The slow way: zeros behind the audio, all of it transformed."""
    padded = np.zeros(window, np.float32)
    padded[: len(samples)] = samples.astype(np.float32) / 32768
    return FeatureExtractor()(padded, padding=160)[:, : window // 160]


@pytest.mark.parametrize("n_samples", [1600, 1601, 15_999, 16_000, 5 * RATE + 77, 26 * RATE])
def test_features_equal_whispers_on_zero_padded_audio(n_samples):
    samples = (np.random.default_rng(n_samples).normal(size=n_samples) * 3000).astype(np.int16)
    window = window_for(n_samples)
    np.testing.assert_allclose(LogMel(80)(samples, window), plain(samples, window), atol=1e-5)


def test_features_of_human_speech_equal_whispers(speech):
    samples = speech("human-en-vm-nobox")
    np.testing.assert_allclose(LogMel(80)(samples, BUCKETS[-1]), plain(samples, BUCKETS[-1]), atol=1e-5)


def test_silence_has_the_lowest_value_everywhere():
    assert np.all(LogMel(80)(np.zeros(RATE, np.int16), BUCKETS[0]) == np.float32(-1.5))


def test_full_scale_audio_gives_finite_features():
    square = np.where(np.arange(RATE) // 40 % 2, 32767, -32768).astype(np.int16)
    assert np.isfinite(LogMel(128)(square, BUCKETS[0])).all()


def test_audio_that_fills_its_window_is_refused():
    with pytest.raises(ValueError, match="do not fit"):
        LogMel(80)(np.zeros(RATE, np.int16), RATE)
