"""Words as they are compared: case, accents and punctuation aside."""

import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

from anyascii import anyascii

from service.biasing.hypothesis import HeardWord
from service.biasing.sounds import words

Opcode = tuple[str, int, int, int, int]


def plain(text: str) -> tuple[str, ...]:
    """The words of a text in lower case without accents and possessive s."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
    return tuple(word.removesuffix("'s").removesuffix("’s").replace("'", "") for word in words(bare))


def differences(one: Sequence[HeardWord], other: Sequence[HeardWord]) -> Sequence[Opcode]:
    """How the words of `one` become those of `other`: blocks (tag, i1, i2, j1, j2) as difflib gives them.

    Ideographs are compared by their sound: a prompt turns traditional into simplified ones.
    """
    keys, other_keys = ([anyascii("".join(plain(word.text))) for word in words] for words in (one, other))
    return SequenceMatcher(None, keys, other_keys, autojunk=False).get_opcodes()


def likeness(one: Sequence[HeardWord], other: Sequence[HeardWord]) -> float:
    """The share of the words of `one` that `other` has too, in order; 1 for no words."""
    same = sum(i2 - i1 for tag, i1, i2, _, _ in differences(one, other) if tag == "equal")
    return same / len(one) if one else 1.0


def region(first: int, last: int, blocks: Sequence[Opcode]) -> tuple[int, int]:
    """Start and end of the words of one text behind words `first` to `last` of the other, given their differences."""
    touched = [block for block in blocks if block[3] < last and first < block[4]]
    if not touched:
        return 0, 0
    (tag, i1, _, j1, _), (end_tag, _, i2, _, j2) = touched[0], touched[-1]
    start = i1 + (first - j1) if tag == "equal" else i1
    end = i2 - (j2 - last) if end_tag == "equal" else i2
    return start, end
