"""Rooms, noises and lines do what their names say."""

import numpy as np
import pytest

from models.synthesize.acoustics import (
    Law,
    babble,
    clipped,
    coloured_noise,
    in_room,
    looped,
    music,
    room_response,
    telephone,
)
from models.synthesize.levels import rms_db
from models.synthesize.voice import Float32
from service.transcript import SAMPLE_RATE

N = 2 * SAMPLE_RATE


def lots(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def tone(hz: float) -> Float32:
    return np.asarray(0.3 * np.sin(2 * np.pi * hz * np.arange(N) / SAMPLE_RATE), dtype=np.float32)


@pytest.mark.parametrize("rt60_s", [0.2, 0.5, 1.0])
def test_a_room_rings_as_long_as_it_says(rt60_s: float) -> None:
    response = room_response(rt60_s, 0.0, lots())
    decay = np.cumsum(np.square(response[:0:-1], dtype=np.float64))[::-1]  # Schroeder's integral, without the direct
    level_db = 10 * np.log10(decay / decay[0])
    at_5, at_25 = (int(np.argmax(level_db < -down)) for down in (5, 25))
    assert 3 * (at_25 - at_5) / SAMPLE_RATE == pytest.approx(rt60_s, rel=0.2)


@pytest.mark.parametrize("direct_db", [-3.0, 0.0, 10.0])
def test_the_direct_sound_comes_first_and_as_loud_as_asked(direct_db: float) -> None:
    response = room_response(0.4, direct_db, lots())
    assert response[0] == 1.0
    assert not response[1:48].any()
    assert -rms_db(response[1:]) - 10 * np.log10(len(response) - 1) == pytest.approx(direct_db, abs=0.1)


def test_a_room_keeps_length_level_and_what_comes_before_speech() -> None:
    speech = np.concatenate([np.zeros(SAMPLE_RATE, dtype=np.float32), tone(500)])
    heard = in_room(speech, room_response(0.5, 0.0, lots()))
    assert len(heard) == len(speech)
    assert rms_db(heard) == pytest.approx(rms_db(speech), abs=0.01)
    assert np.abs(heard[: SAMPLE_RATE - 1]).max() < 1e-5


def test_a_room_without_walls_changes_nothing() -> None:
    click = np.array([1.0], dtype=np.float32)
    assert np.allclose(in_room(tone(500), click), tone(500), atol=1e-6)


@pytest.mark.parametrize(("slope", "fall_db"), [(0.0, 0.0), (1.0, 3.0), (2.0, 6.0)])
def test_coloured_noise_falls_by_its_slope(slope: float, fall_db: float) -> None:
    power = np.abs(np.fft.rfft(coloured_noise(8 * N, slope, lots()))) ** 2
    octaves = [float(np.mean(power[int(hz * 16) : int(2 * hz * 16)])) for hz in (500, 1_000, 2_000)]
    falls = -10 * np.diff(np.log10(octaves))
    assert falls == pytest.approx([fall_db, fall_db], abs=0.5)


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_a_telephone_line_passes_its_band_and_little_else(law: Law) -> None:
    assert rms_db(telephone(tone(1_000), law)) == pytest.approx(rms_db(tone(1_000)), abs=0.3)
    assert rms_db(telephone(tone(100), law)) < rms_db(tone(100)) - 30
    assert rms_db(telephone(tone(5_000), law)) < rms_db(tone(5_000)) - 30
    error = telephone(tone(997), law) - tone(997)
    assert 30 < rms_db(tone(997)) - rms_db(error[400:-400]) < 45  # G.711 has 33 to 39 dB


@pytest.mark.parametrize("n", [1, 2, 3, 16_001])
def test_a_telephone_line_keeps_the_length(n: int) -> None:
    assert len(telephone(tone(1_000)[:n], "alaw")) == n


def test_clipping_cuts_peaks() -> None:
    cut = clipped(tone(500), 6.0)
    assert np.abs(cut).max() == pytest.approx(0.3 * 10 ** (-6 / 20), rel=1e-3)
    assert np.mean(np.abs(cut) == np.abs(cut).max()) > 0.3


def test_babble_holds_everybody_equally_loud() -> None:
    voices = [tone(300), 0.01 * tone(700)]
    spectrum = np.abs(np.fft.rfft(babble(voices, N, lots())))
    assert spectrum[600] == pytest.approx(spectrum[1400], rel=0.05)


def test_music_has_tones_and_differs() -> None:
    one, other = music(N, lots(1)), music(N, lots(2))
    assert rms_db(one) == pytest.approx(-20, abs=0.1)
    assert not np.array_equal(one, other)
    spectrum = np.sort(np.abs(np.fft.rfft(one)) ** 2)[::-1]
    assert spectrum[:300].sum() > 0.8 * spectrum.sum()  # noise would have 2 % there


def test_a_short_noise_is_repeated() -> None:
    assert set(looped(np.array([1, 2, 3], dtype=np.float32), 10, lots())) == {1, 2, 3}
