"""Words as they are compared: case, accents and punctuation aside."""

import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

from service.biasing.hypothesis import HeardWord
from service.biasing.sounds import words

Opcode = tuple[str, int, int, int, int]


def plain(text: str) -> tuple[str, ...]:
    """The words of a text in lower case without accents and possessive s."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
    return tuple(word.removesuffix("'s").removesuffix("’s").replace("'", "") for word in words(bare))


def differences(one: Sequence[HeardWord], other: Sequence[HeardWord]) -> Sequence[Opcode]:
    """How the words of `one` become those of `other`: blocks (tag, i1, i2, j1, j2) as difflib gives them."""
    return SequenceMatcher(
        None, [plain(word.text) for word in one], [plain(word.text) for word in other], autojunk=False
    ).get_opcodes()
