"""Levels of speech and mixing: a signal-to-noise ratio is what it says, pauses or not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.synthesize.levels import active, active_level_db, at_level, mixed, rms_db
from models.synthesize.voice import Float32
from service.transcript import SAMPLE_RATE


def tone(seconds: float, level_db: float) -> Float32:
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.asarray(np.sqrt(2) * 10 ** (level_db / 20) * np.sin(2 * np.pi * 440 * times), dtype=np.float32)


def test_levels_are_in_decibels_of_full_scale() -> None:
    assert rms_db(np.ones(100, dtype=np.float32)) == pytest.approx(0.0)
    assert rms_db(tone(1, -20)) == pytest.approx(-20, abs=0.01)
    assert rms_db(np.zeros(100, dtype=np.float32)) == -120
    assert rms_db(np.zeros(0, dtype=np.float32)) == -120


@given(pause_s=st.floats(0.5, 10), level_db=st.floats(-60, -5))
def test_pauses_do_not_lower_the_level_of_speech(pause_s: float, level_db: float) -> None:
    speech = tone(2, level_db)
    with_pause = np.concatenate([speech, tone(pause_s, level_db - 40), speech])
    assert active_level_db(with_pause) == pytest.approx(level_db, abs=0.6)  # the hangover of 200 ms counts
    assert rms_db(with_pause) < level_db - 0.3


def test_activity_lasts_as_long_as_speech_and_its_hangover() -> None:
    found = active(np.concatenate([tone(1, -60), tone(1, -20), tone(1, -60)]))
    assert np.flatnonzero(found).tolist() == list(range(50, 110))


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 12.5, 40.0])
def test_noise_is_mixed_at_the_ratio_asked_for(snr_db: float) -> None:
    speech = np.concatenate([tone(2, -25), np.zeros(3 * SAMPLE_RATE, dtype=np.float32), tone(2, -25)])
    noise = np.random.default_rng(1).standard_normal(len(speech)).astype(np.float32)
    heard = mixed(speech, noise, snr_db)
    assert active_level_db(speech) - rms_db(heard - speech) == pytest.approx(snr_db, abs=0.05)


def test_silent_noise_adds_nothing() -> None:
    speech = tone(1, -20)
    assert np.array_equal(mixed(speech, np.zeros_like(speech), 10), speech)


def test_speech_is_brought_to_a_level_and_silence_left() -> None:
    assert active_level_db(at_level(tone(1, -50), -23)) == pytest.approx(-23, abs=0.05)
    silence = np.zeros(SAMPLE_RATE, dtype=np.float32)
    assert np.array_equal(at_level(silence, -23), silence)
