"""How loud speech is, and mixing at a given signal-to-noise ratio. Samples are float32 in -1..1 at 16 kHz."""

import numpy as np
import numpy.typing as npt

from models.synthesize.voice import Float32
from service.transcript import SAMPLE_RATE

FRAME = SAMPLE_RATE // 50
HANGOVER = 10  # frames: 200 ms, as in ITU-T P.56
MARGIN_DB = 15.9  # of P.56: how far below the active level speech may be and still count as active
SILENCE_DB = -120.0  # dBFS of digital silence
_ROUNDS = 20


def rms_db(samples: Float32) -> float:
    """Level over all samples in dBFS (a full-scale square wave is 0), at least SILENCE_DB."""
    return _db(float(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else SILENCE_DB


def frame_levels(samples: Float32) -> Float32:
    """dBFS of each whole frame of 20 ms."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    powers = np.mean(np.square(frames, dtype=np.float64), axis=1)
    return np.asarray(10 * np.log10(np.maximum(powers, 10 ** (SILENCE_DB / 10))), dtype=np.float32)


def active(samples: Float32) -> npt.NDArray[np.bool_]:
    """Which frames of 20 ms hold speech: those within MARGIN_DB of the level of the active ones, and 200 ms after them.

    The idea of ITU-T P.56 on frames, solved by repetition: the level over active frames and the threshold below it
    depend on each other.
    """
    levels = frame_levels(samples)
    level = float(np.max(levels, initial=SILENCE_DB))
    chosen = np.zeros(len(levels), dtype=bool)
    for _ in range(_ROUNDS):
        loud = levels > max(level - MARGIN_DB, SILENCE_DB)
        now = np.convolve(loud, np.ones(HANGOVER + 1))[: len(loud)] > 0
        if np.array_equal(now, chosen):
            break
        chosen = now
        level = _db(float(np.mean(10 ** (levels[chosen].astype(np.float64) / 10))) if chosen.any() else 0.0)
    return chosen


def active_level_db(samples: Float32) -> float:
    """Level of speech without its pauses in dBFS; of a whole stretch shorter than a frame."""
    chosen = active(samples)
    if not chosen.any():
        return rms_db(samples)
    return rms_db(samples[: len(chosen) * FRAME].reshape(-1, FRAME)[chosen].reshape(-1))


def at_level(samples: Float32, level_db: float) -> Float32:
    """With its active level at `level_db` dBFS; silence stays as it is. May exceed full scale."""
    now = active_level_db(samples)
    return samples if now <= SILENCE_DB else _scaled(samples, level_db - now)


def mixed(speech: Float32, noise: Float32, snr_db: float) -> Float32:
    """Speech with noise of the same length: active level of the one over the level of the other is `snr_db`."""
    noise_db = rms_db(noise)
    if noise_db <= SILENCE_DB:
        return speech
    return np.asarray(speech + _scaled(noise, active_level_db(speech) - snr_db - noise_db), dtype=np.float32)


def _scaled(samples: Float32, gain_db: float) -> Float32:
    return np.asarray(samples * np.float32(10 ** (gain_db / 20)), dtype=np.float32)


def _db(power: float) -> float:
    return 10 * float(np.log10(max(power, 10 ** (SILENCE_DB / 10))))
