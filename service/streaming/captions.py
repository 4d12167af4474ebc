"""From decided words to what a client reads: partials and finals of an utterance."""

import math
from bisect import bisect_left
from dataclasses import replace

from service.streaming.agreement import Agreement, contradicts
from service.transcript import SAMPLE_RATE, Final, Hypothesis, Partial, Piece, TokenLogprob, Word

SHORT_UTTERANCE_SAMPLES = 2 * SAMPLE_RATE  # too short to detect a language by itself


def language_for(asked: str | None, agreement: Agreement, spoken_before: str | None, samples: int) -> str | None:
    """The language to decode in, None to detect it: the one asked for, else that of the utterance's committed
    words, else for a short utterance that of the session's last final."""
    if asked:
        return asked
    if agreement.pinned_language:
        return agreement.pinned_language
    return spoken_before if samples < SHORT_UTTERANCE_SAMPLES else None


def partial_of(agreement: Agreement, hypothesis: Hypothesis, utterance: int, start: int, end: int) -> Partial | None:
    """The caption of an open utterance of samples `start` to `end`, of which `hypothesis` was the last; None while
    there is nothing to show."""
    committed, tentative = agreement.committed_text, agreement.tentative_text
    if not committed and not tentative:
        return None
    start_s, end_s = round(start / SAMPLE_RATE, 3), round(end / SAMPLE_RATE, 3)
    return Partial(utterance, committed, tentative, start_s, end_s, _confidence(hypothesis.avg_logprob))


def final_of(agreement: Agreement, hypothesis: Hypothesis, utterance: int, start: int, speech_end: int) -> Final:
    """The final of samples `start` to `speech_end`, decoded from `start` on.

    It begins with the committed words whatever the hypothesis says; `text` is empty when nothing was said.
    """
    start_s, end_s = start / SAMPLE_RATE, speech_end / SAMPLE_RATE
    heard = hypothesis
    if contradicts(agreement, hypothesis):
        pieces = _spread(agreement.decided, max(0.0, end_s - start_s))
        hypothesis = replace(hypothesis, pieces=pieces, matches=())
    spoken = [i for i, piece in enumerate(hypothesis.pieces) if piece.text.strip()]
    words = tuple(_word(hypothesis.pieces[i], start_s) for i in spoken)
    return Final(
        utterance=utterance,
        text=hypothesis.text.strip(),
        start=words[0].start if words else round(start_s, 3),
        end=words[-1].end if words else round(end_s, 3),
        language=hypothesis.language,
        words=words,
        tokens=hypothesis.tokens,
        avg_logprob=hypothesis.avg_logprob,
        no_speech_prob=hypothesis.no_speech_prob,
        compression_ratio=hypothesis.compression_ratio,
        temperature=hypothesis.temperature,
        matches=tuple(
            replace(match, first=bisect_left(spoken, match.first), last=bisect_left(spoken, match.last))
            for match in hypothesis.matches
        ),
        logprobs=_logprobs(heard, hypothesis.tokens),
    )


def caption_of(agreement: Agreement, final: Final) -> Partial:
    """A final that is not sure to end there, as a caption: what is not committed yet stays tentative."""
    committed = agreement.committed_text
    tentative = final.text[len(committed) :]
    return Partial(final.utterance, committed, tentative, final.start, final.end, _confidence(final.avg_logprob))


def _confidence(avg_logprob: float) -> float:
    return round(math.exp(min(0.0, avg_logprob)), 4)


def _word(piece: Piece, offset_s: float) -> Word:
    return Word(
        word=piece.text.strip(),
        start=round(offset_s + (piece.start or 0.0), 3),
        end=round(offset_s + (piece.end or 0.0), 3),
        confidence=round(piece.confidence if piece.confidence is not None else 0.0, 4),
    )


def _logprobs(heard: Hypothesis, tokens: tuple[int, ...]) -> tuple[TokenLogprob, ...]:
    """Of a text's tokens: all that were heard, or the committed ones where the hypothesis was decoded behind those."""
    return heard.logprobs[: len(tokens)] if heard.tokens[: len(tokens)] == tokens else ()


def _spread(pieces: tuple[Piece, ...], span_s: float) -> tuple[Piece, ...]:
    """Committed words that no decode would time, spread evenly, with no confidence to speak of."""
    step = span_s / len(pieces) if pieces else 0.0
    return tuple(replace(piece, start=i * step, end=(i + 1) * step, confidence=0.0) for i, piece in enumerate(pieces))
