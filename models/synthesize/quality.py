"""Which clips are good enough to learn from. Pure functions on float32 samples at 16 kHz."""

from dataclasses import dataclass

import numpy as np

from models.synthesize.levels import FRAME, active_level_db, frame_levels
from models.synthesize.voice import Float32
from service.transcript import SAMPLE_RATE

LEAD_S, TRAIL_S = 0.2, 0.3  # of silence before and after speech
QUIET_DB = 40.0  # this far below the active level nobody speaks
SILENT_DB = -50.0  # dBFS of a clip that nobody hears
LONGEST_PAUSE_S = 1.5
FULL_SCALE = 0.999
CLIPPED_SHARE = 0.001
CLIPPED_RUN = 3  # samples at full scale one after the other: a single one is a peak

CJK = ("zh", "ja")


@dataclass(frozen=True, slots=True)
class Pace:
    """Letters a second between which speech at speed 1 lies."""

    slowest: float
    fastest: float


PACES = {"cjk": Pace(2.0, 10.0), "other": Pace(6.0, 28.0)}
SHORT_S = 0.8  # what a word alone may take longer


def trimmed(samples: Float32) -> Float32:
    """With LEAD_S of silence before the first and TRAIL_S after the last frame that is not quiet; empty if all are."""
    levels = frame_levels(samples)
    heard = np.flatnonzero(levels > max(active_level_db(samples) - QUIET_DB, SILENT_DB - QUIET_DB))
    if not len(heard):
        return samples[:0]
    speech = samples[heard[0] * FRAME : (heard[-1] + 1) * FRAME]
    return np.pad(speech, (round(LEAD_S * SAMPLE_RATE), round(TRAIL_S * SAMPLE_RATE)))


def problem(samples: Float32, spoken: str, language: str, speed: float) -> str | None:
    """Why a trimmed clip is dropped, None when it is good. `spoken`: the text as it was given to the backend."""
    if not np.isfinite(samples).all():
        return "not a number"
    if not len(samples) or active_level_db(samples) < SILENT_DB:
        return "silent"
    if _is_clipped(samples):
        return "clipped"
    if _longest_pause_s(samples) > LONGEST_PAUSE_S:
        return "long pause"
    letters = sum(character.isalnum() for character in spoken)
    pace = PACES["cjk" if language in CJK else "other"]
    seconds = (len(samples) / SAMPLE_RATE - LEAD_S - TRAIL_S) * speed
    if seconds < letters / pace.fastest:
        return "too short for its text"
    return "too long for its text" if seconds > SHORT_S + letters / pace.slowest else None


def _is_clipped(samples: Float32) -> bool:
    full = (np.abs(samples) >= FULL_SCALE).astype(np.int32)
    runs = np.convolve(full, np.ones(CLIPPED_RUN, dtype=np.int32)) >= CLIPPED_RUN
    return bool(np.mean(runs) > CLIPPED_SHARE)


def _longest_pause_s(samples: Float32) -> float:
    levels = frame_levels(samples[round(LEAD_S * SAMPLE_RATE) : len(samples) - round(TRAIL_S * SAMPLE_RATE)])
    loud = np.flatnonzero(levels > active_level_db(samples) - QUIET_DB)
    gaps = np.diff(loud)
    return float(np.max(gaps, initial=1) - 1) * FRAME / SAMPLE_RATE
