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


@dataclass(frozen=True, slots=True)
class Attempt:
    """`widen`: bucket sizes up from the utterance's own window; `temperature` is the label it answers to."""

    temperature: float
    beam_size: int
    widen: int = 0
    no_repeat_ngram_size: int = 0

    def window(self, own: int) -> int:
        """Samples of the window, given the utterance's own."""
        return BUCKETS[min(BUCKETS.index(own) + self.widen, len(BUCKETS) - 1)]


def attempt(temperatures: tuple[float, ...], beam_size: int, number: int) -> Attempt:
    """The attempt of that number, counted from 0."""
    temperature = temperatures[number]
    match number:
        case 0:
            return Attempt(temperature, beam_size)
        case 1:
            return Attempt(temperature, beam_size, widen=2)
        case _:
            return Attempt(temperature, beam_size, widen=2, no_repeat_ngram_size=3)


def failed(avg_logprob: float, compression_ratio: float, *, looped: bool) -> bool:
    return looped or compression_ratio > MAX_COMPRESSION or avg_logprob < FAILED_LOGPROB
