"""Rooms, noises and lines. Pure functions on float32 samples at 16 kHz; what is drawn by lot comes from `lots`."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from models.synthesize.levels import at_level
from models.synthesize.voice import Float32
from service.audio.pcm import decode, to_float32, to_int16
from service.transcript import SAMPLE_RATE

Lots = np.random.Generator
Law = Literal["mulaw", "alaw"]

TELEPHONE_BAND_HZ = (300.0, 3_400.0)
EARLY_S = (0.003, 0.04)  # when first reflections arrive
EARLY = 8
SPEED_OF_DECAY = np.log(1000.0)  # RT60: a thousandth of the amplitude is left
_CHORDS = ((0, 4, 7), (5, 9, 12), (7, 11, 14), (9, 12, 16), (2, 5, 9))  # semitones above the key


def room_response(rt60_s: float, direct_db: float, lots: Lots) -> Float32:
    """The answer of a room to a click: the direct sound at sample 0, early reflections, a tail of decaying noise.

    `rt60_s`: time until the tail is 60 dB lower. `direct_db`: energy of the direct sound over that of all the rest.
    The model of Moorer (1979); not the response of a room that there is.
    """
    n = max(round(rt60_s * SAMPLE_RATE), 1)
    times = np.arange(n) / SAMPLE_RATE
    tail = lots.standard_normal(n) * np.exp(-SPEED_OF_DECAY * times / rt60_s)
    tail[: round(EARLY_S[0] * SAMPLE_RATE)] = 0.0
    for delay_s in lots.uniform(*EARLY_S, EARLY):
        at = min(round(delay_s * SAMPLE_RATE), n - 1)
        tail[at] += lots.choice((-1, 1)) * 4.0 * np.exp(-SPEED_OF_DECAY * delay_s / rt60_s)
    tail *= 10 ** (-direct_db / 20) / max(float(np.sqrt(np.sum(tail**2))), 1e-9)
    tail[0] = 1.0
    return np.asarray(tail, dtype=np.float32)


def in_room(speech: Float32, response: Float32) -> Float32:
    """What is heard in the room, at the level and of the length of `speech`; what rings on after its end is cut."""
    n = 1 << (len(speech) + len(response) - 2).bit_length()
    heard = np.fft.irfft(np.fft.rfft(speech, n) * np.fft.rfft(response, n), n)[: len(speech)]
    before, after = float(np.sum(np.square(speech))), float(np.sum(np.square(heard)))
    return np.asarray(heard * np.sqrt(before / after) if after else heard, dtype=np.float32)


def coloured_noise(n: int, slope: float, lots: Lots) -> Float32:
    """Stationary noise whose power falls by `slope` × 3 dB an octave above 50 Hz: 0 white, 1 pink, 2 brown. RMS 0.1."""
    spectrum = np.fft.rfft(lots.standard_normal(n))
    frequencies = np.maximum(np.fft.rfftfreq(n, 1 / SAMPLE_RATE), 50.0)
    noise = np.fft.irfft(spectrum * frequencies ** (-slope / 2), n)
    return np.asarray(0.1 * noise / max(float(np.sqrt(np.mean(noise**2))), 1e-9), dtype=np.float32)


def babble(voices: Sequence[Float32], n: int, lots: Lots) -> Float32:
    """All of `voices` talking at once, equally loud, each from a place drawn by lot, over and over."""
    together = np.zeros(n, dtype=np.float32)
    for voice in voices:
        together += looped(at_level(voice, -26.0), n, lots)
    return together


def looped(sound: Float32, n: int, lots: Lots) -> Float32:
    """`n` samples of `sound` from a place drawn by lot, over and over. `sound` must not be empty."""
    start = int(lots.integers(len(sound)))
    return np.resize(np.roll(sound, -start), n)


def music(n: int, lots: Lots) -> Float32:
    """Chords of plucked tones over a bass, in a key and tempo drawn by lot: as much music as a shop plays."""
    sound = np.zeros(n, dtype=np.float64)
    key_hz, beat = 110.0 * 2 ** (lots.integers(12) / 12), round(SAMPLE_RATE * lots.uniform(0.25, 0.6))
    for number, at in enumerate(range(0, n, beat)):
        chord = _CHORDS[int(lots.integers(len(_CHORDS)))]
        notes = [chord[number % 3] + 12] + ([chord[0] - 12, *chord] if number % 4 == 0 else [])
        for note in notes:
            tone = _plucked(key_hz * 2 ** (note / 12), min(3 * beat, n - at))
            sound[at : at + len(tone)] += tone
    return np.asarray(0.1 * sound / max(float(np.sqrt(np.mean(sound**2))), 1e-9), dtype=np.float32)


def telephone(samples: Float32, law: Law) -> Float32:
    """Through a telephone line: 300 to 3400 Hz, 8 kHz, 8 bits of ITU-T G.711. Same length, 16 kHz."""
    n = len(samples) + len(samples) % 2
    spectrum = np.fft.rfft(samples, n)
    spectrum *= _band(np.fft.rfftfreq(n, 1 / SAMPLE_RATE), *TELEPHONE_BAND_HZ)
    narrow = np.fft.irfft(spectrum[: n // 4 + 1], n // 2) / 2
    coded = to_float32(decode(_g711(narrow.astype(np.float32), law), law))
    wide = np.fft.irfft(np.fft.rfft(coded), n) * 2
    return np.asarray(wide[: len(samples)], dtype=np.float32)


def clipped(samples: Float32, over_db: float) -> Float32:
    """With its peaks cut off `over_db` below the highest."""
    peak = float(np.max(np.abs(samples), initial=0.0))
    limit = peak * 10 ** (-over_db / 20)
    cut = np.clip(samples, -limit, limit)
    return np.asarray(cut, dtype=np.float32)


def _plucked(hz: float, n: int) -> npt.NDArray[np.float64]:
    times = np.arange(n) / SAMPLE_RATE
    partials = [np.sin(2 * np.pi * hz * k * times) / k**1.5 for k in range(1, 7) if hz * k < SAMPLE_RATE / 2]
    attack = np.minimum(times / 0.01, 1.0)
    return np.asarray(np.sum(partials, axis=0) * attack * np.exp(-3.0 * times), dtype=np.float64)


def _band(frequencies: npt.NDArray[np.floating], low_hz: float, high_hz: float) -> Float32:
    """Gains with slopes of 100 Hz (below) and 300 Hz (above): a hard edge would ring."""
    low = np.clip((frequencies - low_hz) / 100.0 + 1, 0, 1)
    high = np.clip((high_hz - frequencies) / 300.0 + 1, 0, 1)
    return np.asarray(low * high, dtype=np.float32)


def _g711(samples: Float32, law: Law) -> bytes:
    """Each sample's nearest code."""
    codes = np.arange(256, dtype=np.uint8)
    values = decode(codes.tobytes(), law).astype(np.int32)
    order = np.argsort(values, kind="stable")
    borders = (values[order][1:] + values[order][:-1]) / 2
    return bytes(codes[order][np.searchsorted(borders, to_int16(samples))].tobytes())
