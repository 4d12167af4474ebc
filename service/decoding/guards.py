"""Is there speech behind a hypothesis, and did the decoder run in circles? Pure functions on numbers and tokens.

Whisper writes something for any sound. Its own signs (`no_speech_prob`, `avg_logprob`, zlib ratio; openai/whisper
`transcribe.py`) leave short polite phrases over silence standing, so a doubtful hypothesis must also show
*evidence*: how much likelier its tokens are given this audio than given silence. Words the model always says
into silence gain nothing from the audio; words that were spoken gain several nats a token.
"""

import math
import zlib
from collections.abc import Sequence

SURE_LOGPROB = -0.4  # per token; above it, and with little no_speech_prob, nobody asks for evidence
SURE_NO_SPEECH = 0.4
MIN_LOGPROB = -1.25  # per token; below it the words are guesses
MIN_EVIDENCE = 2.0  # nats per token
MAX_COMPRESSION = 2.4
MIN_COPIES = 3  # back-to-back copies of a phrase that make a loop,
MIN_COPIES_SHORT = 8  # of a phrase under three tokens ("ha ha ha", "0 0 0"),
MIN_COPIES_HURRIED = 2  # and of four tokens or more when there are more than anyone can speak


def compression_ratio(text: str) -> float:
    """Bytes over zlib-compressed bytes; 1.0 for no text."""
    encoded = text.encode()
    return len(encoded) / len(zlib.compress(encoded)) if encoded else 1.0


def without_loop(tokens: Sequence[int], *, hurried: bool) -> tuple[int, ...]:
    """`tokens` up to the first copy of a phrase that is then repeated back to back until they end.

    What follows a loop is lost anyway, so a loop is looked for at the end, where the last copy may be cut short.
    `hurried`: there are more tokens than can be spoken in the time, so two copies are enough.
    """
    n = len(tokens)
    for period in range(1, n // 2 + 1):
        run = period  # length of the tail that repeats with this period
        while run < n and tokens[n - 1 - run] == tokens[n - 1 - run + period]:
            run += 1
        needed = MIN_COPIES if period >= 3 else MIN_COPIES_SHORT
        if hurried and period >= 4:
            needed = MIN_COPIES_HURRIED
        if run >= needed * period:
            return tuple(tokens[: n - run + period])
    return tuple(tokens)


def is_doubtful(avg_logprob: float, no_speech_prob: float, *, looped: bool) -> bool:
    """Whether a hypothesis must show evidence."""
    return looped or avg_logprob < SURE_LOGPROB or no_speech_prob > SURE_NO_SPEECH


def evidence(probs_given_audio: Sequence[float], probs_given_silence: Sequence[float]) -> float:
    """Mean log-likelihood ratio per token, in nats; probabilities in 0..1 of equal length."""
    ratios = [
        math.log(max(heard, 1e-10) / max(silent, 1e-10))
        for heard, silent in zip(probs_given_audio, probs_given_silence, strict=True)
    ]
    return sum(ratios) / len(ratios) if ratios else 0.0


def mean_logprob(probs: Sequence[float]) -> float:
    """Mean of the natural logarithms of probabilities in 0..1."""
    return sum(math.log(max(p, 1e-10)) for p in probs) / len(probs) if probs else 0.0


def is_speech(avg_logprob: float, evidence_nats: float) -> bool:
    return avg_logprob >= MIN_LOGPROB and evidence_nats >= MIN_EVIDENCE
