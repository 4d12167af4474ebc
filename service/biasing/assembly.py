"""The final text: the first pass, with the words that the list changed and no others.

The second pass may read other words differently too, since a prompt sways style. Only what a believed phrase covers
is taken from it, so a bias list never harms the rest of the transcript.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.biasing.entries import Entry
from service.biasing.hypothesis import HeardWord
from service.biasing.matching import differences

_BEFORE = re.compile(r"^\W*")
_AFTER = re.compile(r"(?:['’]s)?\W*$")
_OWN_AFTER = re.compile(r"\W*$")
_POSSESSIVE = re.compile(r"^['’]s")


@dataclass(frozen=True, slots=True)
class Placed:
    """A phrase at words `first` to `last` (exclusive) of a text."""

    entry: Entry
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Assembled:
    """`tokens` of the final text; `places`: the characters (start, end) of each phrase there, in the order given."""

    tokens: tuple[int, ...]
    places: tuple[tuple[int, int], ...]


def assemble(
    words: Sequence[HeardWord], phrases: Sequence[Placed], encode: Callable[[str], Sequence[int]]
) -> Assembled:
    """`words` with `phrases`, which do not overlap, in their places; `encode` turns text into tokens."""
    tokens: list[int] = []
    places: dict[int, tuple[int, int]] = {}
    length = position = 0
    for number, phrase in sorted(enumerate(phrases), key=lambda pair: pair[1].first):
        kept, covered = words[position : phrase.first], words[phrase.first : phrase.last]
        before, text, after = written(covered, phrase.entry.phrase)
        start = length + sum(len(word.text) for word in kept) + len(before)
        places[number] = (start, start + len(text))
        tokens += [*_tokens(kept), *_spell(covered, before + text + after, encode)]
        length, position = start + len(text) + len(after), phrase.last
    tokens += _tokens(words[position:])
    return Assembled(tuple(tokens), tuple(places[number] for number in range(len(phrases))))


def written(words: Sequence[HeardWord], phrase: str) -> tuple[str, str, str]:
    """What precedes, is and follows a phrase that is written over `words`: their punctuation stays, and so does a
    possessive s, unless it is what the phrase ends with."""
    text = "".join(word.text for word in words)
    before, after = _BEFORE.findall(text)[0], _AFTER.findall(text)[0]
    own_before, own_after = _BEFORE.findall(phrase)[0], _OWN_AFTER.findall(phrase)[0]
    stem = text[: len(text) - len(after)]
    if phrase.removesuffix(own_after).lower().endswith("s") and not stem.lower().endswith("s"):
        after = _POSSESSIVE.sub("", after)
    return before.removesuffix(own_before), phrase, after.removeprefix(own_after)


def _spell(words: Sequence[HeardWord], text: str, encode: Callable[[str], Sequence[int]]) -> Sequence[int]:
    """Tokens of `text`, as the model wrote them where it wrote just that."""
    return _tokens(words) if "".join(word.text for word in words) == text else encode(text)


def restored(first_pass: Sequence[HeardWord], second_pass: Sequence[HeardWord], phrase: Placed) -> list[int]:
    """Tokens of the second pass with the first pass's words back where the phrase stands."""
    tokens: list[int] = []
    for tag, i1, i2, j1, j2 in differences(first_pass, second_pass):
        touched = tag != "equal" and j1 < phrase.last and phrase.first < j2
        tokens += _tokens(first_pass[i1:i2] if touched else second_pass[j1:j2])
    return tokens


def _tokens(words: Sequence[HeardWord]) -> list[int]:
    return [token for word in words for token in word.tokens]
