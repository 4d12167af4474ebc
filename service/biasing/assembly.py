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
    """A believed phrase at words `first` to `last` (exclusive) of the second pass."""

    entry: Entry
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Assembled:
    """`tokens` of the final text; `places`: for each phrase its characters (start, end) there and the words of the
    first pass that it replaced, in the order of the phrases given."""

    tokens: tuple[int, ...]
    places: tuple[tuple[int, int, str], ...]


def assemble(
    first_pass: Sequence[HeardWord],
    second_pass: Sequence[HeardWord],
    phrases: Sequence[Placed],
    encode: Callable[[str], Sequence[int]],
    *,
    only_phrases: bool = True,
) -> Assembled:
    """The first pass with `phrases`, which do not overlap; `encode` turns text into tokens.

    `only_phrases`: what else the second pass changed is not taken over.
    """
    owner: list[int | None] = [None] * len(second_pass)
    for number, phrase in enumerate(phrases):
        owner[phrase.first : phrase.last] = [number] * (phrase.last - phrase.first)
    tokens: list[int] = []
    length = 0
    places: dict[int, tuple[int, int]] = {}
    replaced: dict[int, list[str]] = {number: [] for number in range(len(phrases))}

    def write(text: str, ids: Sequence[int]) -> None:
        nonlocal length
        tokens.extend(ids)
        length += len(text)

    for tag, i1, i2, j1, j2 in differences(first_pass, second_pass):
        owners = list(dict.fromkeys(number for number in owner[j1:j2] if number is not None))
        if tag == "delete" and _inside(owner, j1):
            owners = [number for number in (owner[j1],) if number is not None]
        for number in owners if tag != "equal" else ():
            replaced[number] += [word.text for word in first_pass[i1:i2]]
        if tag != "equal" and not owners and only_phrases:
            for word in first_pass[i1:i2]:
                write(word.text, word.tokens)
            continue
        for j in range(j1, j2):
            owned = owner[j]
            if owned is None:
                word = first_pass[i1 + j - j1] if tag == "equal" else second_pass[j]
                write(word.text, word.tokens)
                continue
            if tag == "equal":
                replaced[owned].append(first_pass[i1 + j - j1].text)
            if j == phrases[owned].first:
                covered = second_pass[j : phrases[owned].last]
                before, text, after = written(covered, phrases[owned].entry.phrase)
                places[owned] = (length + len(before), length + len(before) + len(text))
                write(before + text + after, _spell(covered, before + text + after, encode))
    heard = ("".join(replaced[number]).strip() for number in range(len(phrases)))
    return Assembled(tuple(tokens), tuple((*places[number], text) for number, text in enumerate(heard)))


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


def spliced(words: Sequence[HeardWord], phrase: Placed, encode: Callable[[str], Sequence[int]]) -> list[int]:
    """Tokens of `words` with the phrase in its place."""
    middle = "".join(written(words[phrase.first : phrase.last], phrase.entry.phrase))
    return [*_tokens(words[: phrase.first]), *encode(middle), *_tokens(words[phrase.last :])]


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


def _inside(owner: Sequence[int | None], position: int) -> bool:
    """Whether one phrase covers both sides of a gap."""
    return 0 < position < len(owner) and owner[position] is not None and owner[position] == owner[position - 1]


def _tokens(words: Sequence[HeardWord]) -> list[int]:
    return [token for word in words for token in word.tokens]
