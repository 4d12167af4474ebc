"""Clips that went wrong are dropped with the right reason; good ones are not."""

import numpy as np
import pytest

from models.synthesize.quality import LEAD_S, TRAIL_S, problem, trimmed
from models.synthesize.voice import Float32
from service.transcript import SAMPLE_RATE

TEXT = "A sentence of about forty letters is said"  # 34 letters


def voiced(seconds: float, peak: float = 0.3) -> Float32:
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.asarray(peak * np.sin(2 * np.pi * 150 * times), dtype=np.float32)


def silence(seconds: float) -> Float32:
    return np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32)


def clip(*parts: Float32) -> Float32:
    return trimmed(np.concatenate(parts))


def test_silence_around_speech_is_as_set() -> None:
    noise = np.random.default_rng(1).standard_normal(3 * SAMPLE_RATE).astype(np.float32) * 1e-4
    for samples in (voiced(2), np.concatenate([silence(2), voiced(2), silence(1)]), np.pad(voiced(2), 9_999) + 0):
        assert len(trimmed(samples)) / SAMPLE_RATE == pytest.approx(LEAD_S + 2 + TRAIL_S, abs=0.04)
    noisy = np.concatenate([noise, voiced(2), noise])
    assert len(trimmed(noisy)) / SAMPLE_RATE == pytest.approx(LEAD_S + 2 + TRAIL_S, abs=0.04)
    assert not trimmed(samples)[: round(LEAD_S * SAMPLE_RATE)].any()


def test_nothing_is_left_of_silence() -> None:
    assert len(trimmed(silence(3))) == 0


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (clip(voiced(2.5)), None),
        (clip(voiced(1.2), silence(0.8), voiced(1.2)), None),
        (clip(voiced(2.5, peak=0.99)), None),
        (clip(silence(2.5)), "silent"),
        (clip(voiced(2.5, peak=0.001)), "silent"),
        (clip(np.clip(4 * voiced(2.5), -1, 1)), "clipped"),
        (np.where(np.arange(40_000) == 20_000, np.nan, 0.1).astype(np.float32), "not a number"),
        (clip(voiced(0.5)), "too short for its text"),
        (clip(voiced(9)), "too long for its text"),
        (clip(voiced(1.2), silence(2), voiced(1.2)), "long pause"),
    ],
)
def test_the_reason_is_told(samples: Float32, reason: str | None) -> None:
    assert problem(samples, TEXT, "en", 1.0) == reason


def test_pace_is_judged_at_the_voices_own_speed() -> None:
    hurried = clip(voiced(0.9))
    assert problem(hurried, "x" * 30, "en", 1.0) == "too short for its text"
    assert problem(hurried, "x" * 30, "en", 1.5) is None


def test_chinese_has_fewer_characters_a_second() -> None:
    text = "客户对新款手袋很感兴趣"
    assert problem(clip(voiced(2.5)), text, "zh", 1.0) is None
    assert problem(clip(voiced(0.8)), text, "zh", 1.0) == "too short for its text"
    assert problem(clip(voiced(0.8)), text, "en", 1.0) is None


def test_a_word_alone_may_take_its_time() -> None:
    assert problem(clip(voiced(0.9)), "Yes.", "en", 1.0) is None
