"""LocalAgreement-2: a word is committed when two consecutive hypotheses agree on it, on all before it and on the next,
and the model is sure of each of their tokens.

After Macháček, Dabre, Bojar, "Turning Whisper into Real-Time Transcription System" (2023). Here the committed tokens
are a hard prefix of every later partial of the utterance, so committed words cannot change, and the audio behind
committed words is trimmed once the window grows long, so the cost of a partial stays bounded. The final sees the
whole utterance afresh; only when it would contradict a committed word is it decoded again behind them
(with words of any probability that is every other utterance, with sure ones one in forty: docs/benchmarks.md).
"""

from dataclasses import dataclass, replace
from typing import Any

import msgpack

from service.transcript import SAMPLE_RATE, Hypothesis, Piece

LEAST_PROBABILITY = (
    0.7  # of every token of a committed word: a rare name, or a comma that may come, waits for the final
)
HOLD_BACK_PIECES = 1  # of the agreed words: case and punctuation of a word settle with the word after it
TRIM_AFTER_SAMPLES = 4 * SAMPLE_RATE  # a longer window is trimmed at a committed word
KEEP_SAMPLES = SAMPLE_RATE * 3 // 4  # of context left of the open end, at least
SENTENCE_ENDS = (".", "?", "!", "。", "？", "！")
CLAUSE_ENDS = (",", ";", ":", "，", "；", "：", "、")


@dataclass(frozen=True, slots=True)
class Agreement:
    """What has been decided of an open utterance.

    `offset`: samples of the utterance that are trimmed; `trimmed`: the committed pieces said in them;
    `committed`: pieces inside the window that stand; `tail`: what the last hypothesis said after those.
    """

    offset: int = 0
    trimmed: tuple[Piece, ...] = ()
    committed: tuple[Piece, ...] = ()
    tail: tuple[Piece, ...] = ()
    language: str | None = None

    @property
    def prefix(self) -> tuple[int, ...]:
        """Tokens that the next hypothesis of the window must begin with."""
        return tuple(token for piece in self.committed for token in piece.tokens)

    @property
    def decided(self) -> tuple[Piece, ...]:
        """All committed pieces of the utterance, trimmed ones first."""
        return (*self.trimmed, *self.committed)

    @property
    def committed_text(self) -> str:
        return "".join(piece.text for piece in self.decided).lstrip()

    @property
    def tentative_text(self) -> str:
        text = "".join(piece.text for piece in self.tail)
        return text if self.committed_text else text.lstrip()

    @property
    def pinned_language(self) -> str | None:
        """The language of the committed words; None while nothing is committed."""
        return self.language if self.committed or self.trimmed else None


def advance(agreement: Agreement, hypothesis: Hypothesis) -> Agreement:
    """Takes the next hypothesis of the same window: agreed words move from the tail to the committed ones.

    A hypothesis that does not begin with the committed tokens (a guard emptied it) changes nothing.
    """
    rest = _after_prefix(hypothesis, agreement)
    if rest is None:
        return agreement
    agreed = 0
    while agreed < min(len(rest), len(agreement.tail)) and _agree(rest[agreed], agreement.tail[agreed]):
        agreed += 1
    agreed = max(0, agreed - HOLD_BACK_PIECES)
    return replace(
        agreement,
        committed=(*agreement.committed, *rest[:agreed]),
        tail=rest[agreed:],
        language=hypothesis.language,
    )


def _agree(piece: Piece, before: Piece) -> bool:
    sure = piece.weakest is not None and piece.weakest >= LEAST_PROBABILITY
    return sure and piece.tokens == before.tokens


def needs_trim(agreement: Agreement, window_samples: int) -> bool:
    """Whether the window has grown so long that `trim` should cut it."""
    return window_samples > TRIM_AFTER_SAMPLES and len(agreement.committed) > 1


def trim(agreement: Agreement, hypothesis: Hypothesis, window_samples: int) -> Agreement:
    """Drops the audio behind committed words: up to the last sentence end if there is one, else the last clause
    end, else the last committed word. `hypothesis` has word times."""
    timed = hypothesis.pieces[: len(agreement.committed)]
    if [p.tokens for p in timed] != [p.tokens for p in agreement.committed]:
        return agreement  # the committed words ended inside a piece: wait for the next one
    latest = (window_samples - KEEP_SAMPLES) / SAMPLE_RATE
    candidates = [i for i, piece in enumerate(timed) if piece.end is not None and piece.end <= latest]
    if not candidates:
        return agreement
    cut = next(
        (
            i
            for ends in (SENTENCE_ENDS, CLAUSE_ENDS)
            for i in reversed(candidates)
            if timed[i].text.endswith(ends) and (timed[i].end or 0) * 2 * SAMPLE_RATE > window_samples
        ),
        candidates[-1],
    )
    return replace(
        agreement,
        offset=agreement.offset + _cut_sample(hypothesis.pieces, cut),
        trimmed=(*agreement.trimmed, *agreement.committed[: cut + 1]),
        committed=agreement.committed[cut + 1 :],
    )


def contradicts(agreement: Agreement, hypothesis: Hypothesis) -> bool:
    """Whether the hypothesis of the whole utterance does not begin with exactly the committed words."""
    committed, text = agreement.committed_text, hypothesis.text.lstrip()
    following = text[len(committed) :]
    return bool(committed) and (not text.startswith(committed) or following[:1].isalnum())


def _cut_sample(pieces: tuple[Piece, ...], last: int) -> int:
    """Half-way between the end of the last trimmed word and the start of the next."""
    end = pieces[last].end or 0.0
    following = pieces[last + 1].start if last + 1 < len(pieces) else None
    return int((end + (following if following is not None else end)) / 2 * SAMPLE_RATE)


def _after_prefix(hypothesis: Hypothesis, agreement: Agreement) -> tuple[Piece, ...] | None:
    """The pieces behind the committed tokens; a word that the prefix ends inside is split there."""
    skip = len(agreement.prefix)
    if hypothesis.tokens[:skip] != agreement.prefix:
        return None
    committed_chars = sum(len(piece.text) for piece in agreement.committed)
    rest: list[Piece] = []
    for piece in hypothesis.pieces:
        if skip >= len(piece.tokens):
            skip -= len(piece.tokens)
            committed_chars -= len(piece.text)
        elif skip:
            rest.append(replace(piece, text=piece.text[committed_chars:], tokens=piece.tokens[skip:]))
            skip = 0
        else:
            rest.append(piece)
    return tuple(rest)


def dump(agreement: Agreement) -> bytes:
    """The stored form, which any worker can take up."""
    packed: bytes = msgpack.packb(
        [
            agreement.offset,
            [[p.text, p.tokens] for p in agreement.trimmed],
            [[p.text, p.tokens] for p in agreement.committed],
            [[p.text, p.tokens] for p in agreement.tail],
            agreement.language,
        ]
    )
    return packed


def load(stored: bytes) -> Agreement:
    """The agreement that `dump` stored; a fresh one when nothing was."""
    if not stored:
        return Agreement()
    offset, trimmed, committed, tail, language = msgpack.unpackb(stored)

    def pieces(rows: list[Any]) -> tuple[Piece, ...]:
        return tuple(Piece(text, tuple(tokens)) for text, tokens in rows)

    return Agreement(offset, pieces(trimmed), pieces(committed), pieces(tail), language)
