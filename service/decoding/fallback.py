"""What to try when a hypothesis fails its checks.

Whisper samples at rising temperatures. CTranslate2's random state belongs to its threads and cannot be set per
call, so a sampled text could differ between a turn's first delivery and the delivery after a crash. The attempts
here are deterministic instead: a wider window first, since too little padding is what makes the decoder loop, then
no phrase of three tokens twice.
"""

from dataclasses import dataclass

from service.decoding.guards import MAX_COMPRESSION
from service.decoding.windows import BUCKETS

FAILED_LOGPROB = -1.0  # per token, as in openai/whisper
WIDEN = 2  # bucket sizes


@dataclass(frozen=True, slots=True)
class Attempt:
    """`window`: samples; `temperature`: the label the attempt answers to."""

    temperature: float
    beam_size: int
    window: int
    no_repeat_ngram_size: int = 0


def attempt(temperatures: tuple[float, ...], beam_size: int, number: int, own_window: int) -> Attempt:
    """The attempt of that number, from 0, on an utterance whose own window has `own_window` samples."""
    temperature = temperatures[number]
    if number == 0:
        return Attempt(temperature, beam_size, own_window)
    wider = BUCKETS[min(BUCKETS.index(own_window) + WIDEN, len(BUCKETS) - 1)]
    if number == 1 and wider > own_window:
        return Attempt(temperature, beam_size, wider)
    return Attempt(temperature, beam_size, wider, no_repeat_ngram_size=3)


def failed(avg_logprob: float, compression_ratio: float, *, looped: bool) -> bool:
    return looped or compression_ratio > MAX_COMPRESSION or avg_logprob < FAILED_LOGPROB
