"""Words as a recogniser would hand them over, without one: a token is a character."""

from collections.abc import Sequence

from service.biasing.entries import Entry
from service.biasing.hypothesis import HeardWord
from service.biasing.retrieval import Candidate

UNSURE = 3.0  # nats; what a rare word costs a recogniser that does not know it
SURE = 0.05


def encode(text: str) -> list[int]:
    return [ord(character) for character in text]


def decode(tokens: Sequence[int]) -> str:
    return "".join(map(chr, tokens))


def hearing(text: str, *, measured: bool = True) -> list[HeardWord]:
    """The words of `text`: those in lower case common and sure, the others (capitals, other scripts) neither."""
    return [_word(f" {word}", common=word.islower() and word.isascii(), measured=measured) for word in text.split()]


def _word(text: str, *, common: bool, measured: bool) -> HeardWord:
    surprisal = (SURE if common else UNSURE) if measured else None
    return HeardWord(text, tuple(encode(text)), surprisal, common)


def candidate(
    phrase: str,
    first: int,
    last: int,
    *,
    heard: str = "",
    score: float = 0.0,
    hypothesis: int = 0,
    place: tuple[int, int] | None = None,
) -> Candidate:
    return Candidate(Entry(phrase), hypothesis, first, last, place or (first, last), heard, 0.1, score)
