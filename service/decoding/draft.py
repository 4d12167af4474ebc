"""An utterance on its way through the decoder: its hypothesis under examination, the encoder output behind it."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import ctranslate2

from service.decoding import fallback, guards
from service.decoding.utterance import Utterance
from service.decoding.vocabulary import BYTE_SPELLED
from service.decoding.windows import MIN_PADDING, window_for
from service.transcript import SAMPLE_RATE

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

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
    """`row` is the utterance's in `encoded`; `evidence` is None until it is asked for.

    The first `fixed` of the `tokens` are the prefix, which nobody doubts. `alternatives`: the next best of the beam.
    """

    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    encoded: Encoded
    row: int
    fixed: int = 0
    looped: bool = False
    evidence: float | None = None
    alternatives: tuple[tuple[int, ...], ...] = ()

    @property
    def doubtful(self) -> bool:
        return len(self.tokens) > self.fixed and guards.is_doubtful(
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

    def weighed(self, probs_given_audio: Sequence[float], probs_given_silence: Sequence[float]) -> "Draft":
        """With evidence; of a loop, whose copies flatter the mean, the log-probability is that of the kept tokens."""
        heard, unheard = probs_given_audio[self.fixed :], probs_given_silence[self.fixed :]
        logprob = guards.mean_logprob(heard) if self.looped else self.avg_logprob
        return replace(self, avg_logprob=logprob, evidence=guards.evidence(heard, unheard))

    def better_than(self, other: "Draft | None") -> bool:
        """A hypothesis that passed beats one that failed, one that ended by itself a loop, a likelier the other."""
        return other is None or self._rank > other._rank

    @property
    def _rank(self) -> tuple[bool, bool, float]:
        return (not self.failed, not self.looped, self.avg_logprob)


@dataclass(slots=True)
class Item:
    """One utterance of a batch, its language once that is known and its best draft so far."""

    utterance: Utterance
    language: str
    language_probability: float = 1.0
    draft: Draft | None = None

    @property
    def spoken(self) -> tuple[str, str]:
        """Language and task."""
        return self.language, self.utterance.options.task

    @property
    def needs_times(self) -> bool:
        """Word times are asked for, or the probabilities that come with them are."""
        options = self.utterance.options
        return options.word_times or options.logprobs or (options.bias is not None and not options.bias.watch)

    @property
    def window(self) -> int:
        """Samples of the utterance's own window."""
        return window_for(len(self.utterance.samples))

    @property
    def token_limit(self) -> int:
        """Tokens, prefix included, after which a hypothesis is stopped, since nobody speaks so fast.

        Taken from the window, so that it is the same for all that share a call.
        """
        limit = MIN_TOKENS + self._per_second(TOKENS_PER_S) * (self.window - MIN_PADDING) // SAMPLE_RATE
        return max(min(MAX_TOKENS, limit), len(self.utterance.prefix) + MIN_TOKENS)

    def is_hurried(self, n_tokens: int) -> bool:
        """More tokens than can be spoken in the time."""
        return n_tokens > self._per_second(HURRIED_TOKENS_PER_S) * max(self.utterance.seconds, 1.0)

    def _per_second(self, rate: int) -> int:
        byte_spelled = self.language in BYTE_SPELLED and self.utterance.options.task == "transcribe"
        return rate * BYTE_SPELLED_FACTOR if byte_spelled else rate


def grouped(items: Iterable[T], key: Callable[[T], K]) -> list[tuple[K, list[T]]]:
    """`items` by `key`, groups and members in the order they came."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.items())
