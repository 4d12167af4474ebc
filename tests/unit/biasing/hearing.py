"""Words as a recogniser would hand them over, without one: a token is a character."""

from collections.abc import Sequence

from service.biasing.entries import Entry
from service.biasing.hypothesis import HeardWord
from service.biasing.retrieval import Candidate

UNSURE = 3.0  # nats; what a rare word costs a recogniser that does not know it


def encode(text: str) -> list[int]:
    return [ord(character) for character in text]


def decode(tokens: Sequence[int]) -> str:
    return "".join(map(chr, tokens))


def hearing(text: str, *, surprisal: float | None = UNSURE, common: bool = False) -> list[HeardWord]:
    """The words of `text`, all of them as sure and as common as said."""
    return [HeardWord(f" {word}", tuple(encode(f" {word}")), surprisal, common) for word in text.split()]


def candidate(
    phrase: str, first: int, last: int, *, heard: str = "", score: float = 0.0, hypothesis: int = 0
) -> Candidate:
    return Candidate(Entry(phrase), hypothesis, first, last, heard, 0.1, score)
