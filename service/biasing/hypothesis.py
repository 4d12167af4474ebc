"""A hypothesis as the words a bias list is compared with."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.transcript import Piece

_CONTINUES = re.compile(r"[^\W\d_\u0e00-\u0eff\u1000-\u109f\u3040-\u9fff]|['’-]")
_IDEOGRAPH = re.compile(r"[\u3400-\u9fff]")
_WRITTEN = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word of a hypothesis; `text` keeps its leading space and punctuation.

    `surprisal`: nats, summed over its tokens, None when it was not measured. `common`: one token of the model's
    vocabulary spells it, or it is
    a single ideograph.
    """

    text: str
    tokens: tuple[int, ...]
    surprisal: float | None
    common: bool


def heard_words(pieces: Sequence[Piece], spell: Callable[[Sequence[int]], str]) -> list[HeardWord]:
    """The words of a hypothesis; `spell` turns tokens into text.

    In scripts without spaces a piece is a character or a scrap of a Latin word; the scraps are joined again.
    """
    joined: list[list[Piece]] = []
    for piece in pieces:
        if joined and _CONTINUES.match(piece.text) and _CONTINUES.match(joined[-1][-1].text[-1:]):
            joined[-1].append(piece)
        else:
            joined.append([piece])
    return [_word(scraps, spell) for scraps in joined]


def _word(pieces: Sequence[Piece], spell: Callable[[Sequence[int]], str]) -> HeardWord:
    tokens = tuple(token for piece in pieces for token in piece.tokens)
    surprisals = [piece.surprisal for piece in pieces if piece.surprisal is not None]
    written = sum(bool(_WRITTEN.search(spell([token]))) for token in tokens)
    return HeardWord(
        text="".join(piece.text for piece in pieces),
        tokens=tokens,
        surprisal=sum(surprisals) if len(surprisals) == len(pieces) else None,
        common=written == 1 or _is_ideograph(pieces),
    )


def _is_ideograph(pieces: Sequence[Piece]) -> bool:
    return len(pieces) == 1 and bool(_IDEOGRAPH.fullmatch(pieces[0].text.strip()))
