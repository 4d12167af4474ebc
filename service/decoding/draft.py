"""A hypothesis under examination, and the encoder output it was read from."""

from dataclasses import dataclass

import ctranslate2

from service.decoding import fallback, guards
from service.transcript import SAMPLE_RATE

MIN_TOKENS = 16
TOKENS_PER_S = 10  # twice what the fastest talkers of the evaluation set need
HURRIED_TOKENS_PER_S = 7
BYTE_SPELLED_FACTOR = 3  # for scripts whose characters take several tokens
MAX_TOKENS = 220  # per hypothesis: what the decoder's context leaves behind a full prompt


@dataclass(frozen=True, slots=True)
class Encoded:
    """`memory`: float [utterances, window frames / 2, d_model], where the model computes. `window` in samples."""

    memory: ctranslate2.StorageView
    window: int


@dataclass(frozen=True, slots=True)
class Draft:
    """`tokens` include the prefix; `row` is the utterance's in `encoded`; `evidence` is None until it is asked for."""

    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    encoded: Encoded
    row: int
    looped: bool = False
    evidence: float | None = None

    @property
    def doubtful(self) -> bool:
        return bool(self.tokens) and guards.is_doubtful(
            self.avg_logprob, self.no_speech_prob, looped=self.looped or self.repetitive
        )

    @property
    def repetitive(self) -> bool:
        return self.compression_ratio > guards.MAX_COMPRESSION

    @property
    def rejected(self) -> bool:
        """No speech behind it: not worth another attempt."""
        return self.evidence is not None and not guards.is_speech(self.avg_logprob, self.evidence)

    @property
    def failed(self) -> bool:
        """Worth another attempt."""
        return not self.rejected and fallback.failed(self.avg_logprob, self.compression_ratio, looped=self.looped)

    def better_than(self, other: "Draft | None") -> bool:
        """A hypothesis that passed beats one that failed, one that ended by itself a loop, a likelier the other."""
        return other is None or self._rank > other._rank

    @property
    def _rank(self) -> tuple[bool, bool, float]:
        return (not self.failed, not self.looped, self.avg_logprob)


def token_limit(speech_samples: int, *, byte_spelled: bool) -> int:
    """Tokens, prefix included, after which a hypothesis is stopped, since nobody speaks so fast."""
    rate = TOKENS_PER_S * (BYTE_SPELLED_FACTOR if byte_spelled else 1)
    return min(MAX_TOKENS, MIN_TOKENS + rate * speech_samples // SAMPLE_RATE)


def is_hurried(n_tokens: int, seconds: float, *, byte_spelled: bool) -> bool:
    """More tokens than can be spoken in that time."""
    rate = HURRIED_TOKENS_PER_S * (BYTE_SPELLED_FACTOR if byte_spelled else 1)
    return n_tokens > rate * max(seconds, 1.0)
