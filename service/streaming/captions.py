"""From decided words to what a client reads: partials and finals of an utterance."""

from dataclasses import replace

from service.streaming.agreement import Agreement, words_of
from service.transcript import SAMPLE_RATE, Final, Hypothesis, Partial, Piece

SHORT_UTTERANCE_SAMPLES = 2 * SAMPLE_RATE  # too short to detect a language by itself


def language_for(asked: str | None, agreement: Agreement, spoken_before: str | None, samples: int) -> str | None:
    """The language to decode in, None to detect it: the one asked for, else that of the utterance's committed
    words, else for a short utterance that of the session's last final."""
    if asked:
        return asked
    if agreement.pinned_language:
        return agreement.pinned_language
    return spoken_before if samples < SHORT_UTTERANCE_SAMPLES else None


def partial_of(agreement: Agreement, utterance: int, start: int, end: int) -> Partial | None:
    """The caption of an open utterance of samples `start` to `end`; None while there is nothing to show."""
    committed, tentative = agreement.committed_text, agreement.tentative_text
    if not committed and not tentative:
        return None
    return Partial(utterance, committed, tentative, round(start / SAMPLE_RATE, 3), round(end / SAMPLE_RATE, 3))


def final_of(agreement: Agreement, hypothesis: Hypothesis, utterance: int, start: int, speech_end: int) -> Final:
    """The final of samples `start` to `speech_end`, whose last decode saw `start + agreement.offset` on.

    It begins with the committed words whatever the hypothesis says; `text` is empty when nothing was said.
    """
    window_start_s = (start + agreement.offset) / SAMPLE_RATE
    if hypothesis.tokens[: len(agreement.prefix)] != agreement.prefix:
        span_s = (speech_end - start - agreement.offset) / SAMPLE_RATE
        hypothesis = replace(hypothesis, pieces=_spread(agreement.committed, max(span_s, 0.0)))
    words = (*agreement.trimmed, *words_of(hypothesis.pieces, window_start_s))
    return Final(
        utterance=utterance,
        text=(agreement.trimmed_text + hypothesis.text).strip(),
        start=words[0].start if words else round(start / SAMPLE_RATE, 3),
        end=words[-1].end if words else round(speech_end / SAMPLE_RATE, 3),
        language=hypothesis.language,
        words=words,
        tokens=hypothesis.tokens,
        avg_logprob=hypothesis.avg_logprob,
        no_speech_prob=hypothesis.no_speech_prob,
        compression_ratio=hypothesis.compression_ratio,
        temperature=hypothesis.temperature,
    )


def _spread(pieces: tuple[Piece, ...], span_s: float) -> tuple[Piece, ...]:
    """Committed words that the last decode no longer timed, spread evenly, with no confidence to speak of."""
    step = span_s / len(pieces) if pieces else 0.0
    return tuple(replace(piece, start=i * step, end=(i + 1) * step, confidence=0.0) for i, piece in enumerate(pieces))
