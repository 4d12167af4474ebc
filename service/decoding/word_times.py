"""From cross-attention alignment to words with times: pure arithmetic.

The alignment (dynamic time warping over attention heads) is CTranslate2's; reading word boundaries off it and
shortening the implausible words follows openai/whisper `timing.py`.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace

from service.transcript import Piece

FRAME_S = 0.02  # one encoder frame
SENTENCE_END = ".。!！?？"
LONGEST_MEDIAN_S = 0.7
LEAST_PROBABILITY = 1e-6  # a token of less is no more surprising


def timed(
    pieces: Sequence[Piece], path: Sequence[tuple[int, int]], probabilities: Sequence[float], duration_s: float
) -> tuple[Piece, ...]:
    """`pieces` with start, end, confidence, weakest token and surprisal.

    `path`: (token, encoder frame) steps, tokens counted over all pieces and one past them for the end of text;
    `probabilities`: one per token, 0..1. Times rise, words do not overlap, all lie in 0..`duration_s`.
    """
    starts = _token_starts(path, sum(len(piece.tokens) for piece in pieces))
    spans: list[tuple[float, float]] = []
    chances: list[tuple[float, float, float]] = []
    position = 0
    for piece in pieces:
        after = position + len(piece.tokens)
        spans.append((starts[position], starts[after]))
        of_tokens = [min(max(p, LEAST_PROBABILITY), 1.0) for p in probabilities[position:after]]
        surprisal = -sum(math.log(p) for p in of_tokens)
        chances.append((round(statistics.fmean(of_tokens), 4), round(min(of_tokens), 4), round(surprisal, 3)))
        position = after
    spans = _shortened(pieces, spans)
    result, earliest = [], 0.0
    for piece, (start, end), (confidence, weakest, surprisal) in zip(pieces, spans, chances, strict=True):
        start = min(max(start, earliest), duration_s)
        earliest = min(max(end, start), duration_s)
        result.append(
            replace(
                piece,
                start=round(start, 3),
                end=round(earliest, 3),
                confidence=confidence,
                weakest=weakest,
                surprisal=surprisal,
            )
        )
    return tuple(result)


def _token_starts(path: Sequence[tuple[int, int]], n_tokens: int) -> list[float]:
    """Seconds at which each token, and the end of text, begins; a token the path skips begins with the next."""
    first: dict[int, int] = {}
    for token, frame in path:
        first.setdefault(token, frame)
    last = max((frame for _, frame in path), default=0)
    starts = [0.0] * (n_tokens + 1)
    following = first.get(n_tokens, last)
    for token in range(n_tokens, -1, -1):
        following = first.get(token, following)
        starts[token] = following * FRAME_S
    return starts


def _shortened(pieces: Sequence[Piece], spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Words at a sentence's edge that swallowed the pause beside them, cut to twice the median duration."""
    lengths = [end - start for start, end in spans if end > start]
    if not lengths:
        return list(spans)
    longest = 2 * min(LONGEST_MEDIAN_S, statistics.median(lengths))
    result = []
    for i, (piece, (start, end)) in enumerate(zip(pieces, spans, strict=True)):
        if end - start > longest:
            if i == 0 or _ends_sentence(pieces[i - 1]):
                start = end - longest
            elif _ends_sentence(piece) or i == len(pieces) - 1:
                end = start + longest
        result.append((start, end))
    return result


def _ends_sentence(piece: Piece) -> bool:
    return piece.text.strip()[-1:] in tuple(SENTENCE_END)
