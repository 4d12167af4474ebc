"""LocalAgreement-2: a word is committed when two consecutive hypotheses agree on it and on all before it.

After Macháček, Dabre, Bojar, "Turning Whisper into Real-Time Transcription System" (2023). Here the committed tokens
are a hard prefix of every later decode of the utterance, final included, so committed words cannot change; and
the audio behind committed words is trimmed once the window grows long, so the cost of a partial stays bounded.
"""

from dataclasses import dataclass, replace
from typing import Any

import msgpack

from service.transcript import SAMPLE_RATE, Hypothesis, Piece, Word

HOLD_BACK_PIECES = 1  # the last word of a hypothesis may be cut by the end of the audio
TRIM_AFTER_SAMPLES = 10 * SAMPLE_RATE  # a longer window is trimmed at a committed word
KEEP_SAMPLES = SAMPLE_RATE  # of context left of the open end, at least
SENTENCE_ENDS = (".", "?", "!", "。", "？", "！")
CLAUSE_ENDS = (",", ";", ":", "，", "；", "：", "、")


@dataclass(frozen=True, slots=True)
class Agreement:
    """What has been decided of an open utterance.

    `offset`: samples of the utterance that are trimmed; `trimmed`: the committed words said in them;
    `committed`: pieces inside the window that stand; `tail`: what the last hypothesis said after those.
    """

    offset: int = 0
    trimmed_text: str = ""
    trimmed: tuple[Word, ...] = ()
    committed: tuple[Piece, ...] = ()
    tail: tuple[Piece, ...] = ()
    language: str | None = None

    @property
    def prefix(self) -> tuple[int, ...]:
        """Tokens that the next hypothesis of the window must begin with."""
        return tuple(token for piece in self.committed for token in piece.tokens)

    @property
    def committed_text(self) -> str:
        return (self.trimmed_text + "".join(piece.text for piece in self.committed)).lstrip()

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
    limit = min(len(rest) - HOLD_BACK_PIECES, len(agreement.tail))
    while agreed < limit and rest[agreed].tokens == agreement.tail[agreed].tokens:
        agreed += 1
    return replace(
        agreement,
        committed=(*agreement.committed, *rest[:agreed]),
        tail=rest[agreed:],
        language=hypothesis.language,
    )


def needs_trim(agreement: Agreement, window_samples: int) -> bool:
    """Whether the next partial should carry word times so that `trim` can cut."""
    return window_samples > TRIM_AFTER_SAMPLES and len(agreement.committed) > 1


def trim(agreement: Agreement, hypothesis: Hypothesis, window_start: int, window_samples: int) -> Agreement:
    """Drops the audio behind committed words: up to the last sentence end if there is one, else the last clause
    end, else the last committed word. `hypothesis` has word times; `window_start` is a sample of the stream."""
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
        trimmed_text=agreement.trimmed_text + "".join(piece.text for piece in timed[: cut + 1]),
        trimmed=(*agreement.trimmed, *words_of(timed[: cut + 1], window_start / SAMPLE_RATE)),
        committed=agreement.committed[cut + 1 :],
    )


def words_of(pieces: tuple[Piece, ...], offset_s: float) -> tuple[Word, ...]:
    """Timed pieces as words, `offset_s` seconds into the stream."""
    return tuple(
        Word(
            word=piece.text.strip(),
            start=round(offset_s + (piece.start or 0.0), 3),
            end=round(offset_s + (piece.end or 0.0), 3),
            confidence=round(piece.confidence if piece.confidence is not None else 0.0, 4),
        )
        for piece in pieces
        if piece.text.strip()
    )


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
            agreement.trimmed_text,
            [[w.word, w.start, w.end, w.confidence] for w in agreement.trimmed],
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
    offset, trimmed_text, trimmed, committed, tail, language = msgpack.unpackb(stored)

    def pieces(rows: list[Any]) -> tuple[Piece, ...]:
        return tuple(Piece(text, tuple(tokens)) for text, tokens in rows)

    return Agreement(
        offset, trimmed_text, tuple(Word(*row) for row in trimmed), pieces(committed), pieces(tail), language
    )
