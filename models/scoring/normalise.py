"""The tokens of a text that are compared: what two writers of the same speech would both have written.

Both sides go the same way: NFKC, lower case, no accents, no punctuation, numbers in words. The steps follow the
evaluation set's rules ("How scores are computed"), so that figures can be compared with its baseline.
"""

import re
import unicodedata
from collections.abc import Callable

from models.scoring import chinese, english
from models.scoring.numbers import LANGUAGES, number_words

Tokenise = Callable[[str, str], list[str]]  # (text, ISO 639-1 code): the tokens that are compared

_APOSTROPHES = str.maketrans("’‘`", "'''")
_ELIDING = ("fr", "it")  # l'acqua is two words
_CJK_CHARACTER = re.compile("([\u3400-\u9fff\u3040-\u30ff])")
_PUNCTUATION = re.compile(r"[^\w\s]|_")
_SPELLED_DIGITS = 7  # longer numbers are codes
_BREVE = "\u0306"  # й is a letter of its own


def tokens(text: str, language: str) -> list[str]:
    """Words; in Chinese and Japanese single characters, with Latin words between them whole.

    `language`: ISO 639-1 code. Raises BadRequest for Chinese without the extra `eval`.
    """
    text = unicodedata.normalize("NFKC", text).lower().translate(_APOSTROPHES)
    if language == "zh":
        text = chinese.spell_numbers("".join(map(chinese.simplified, text)))
    elif language == "en":
        text = english.spell_numbers(english.expand_contractions(text))
    if language != "ja":  # where the marks tell ば from は
        text = without_accents(text, language)
    if language in LANGUAGES:
        text = re.sub(r"\d+", lambda found: _spelled(found[0], language), text)
    text = re.sub(r"(?<=\w)'(?=\w)", " " if language in _ELIDING else "", text)
    words = _PUNCTUATION.sub(" ", _CJK_CHARACTER.sub(r" \1 ", text)).split()
    return english.unify(words) if language == "en" else words


def without_accents(text: str, language: str) -> str:
    """Marks go, but those that make another letter stay."""
    kept = _BREVE if language == "ru" else ""
    marks_apart = unicodedata.normalize("NFD", text)
    bare = "".join(c for c in marks_apart if not unicodedata.combining(c) or c == kept)
    return unicodedata.normalize("NFC", bare)


def _spelled(digits: str, language: str) -> str:
    return f" {number_words(int(digits), language)} " if len(digits) <= _SPELLED_DIGITS else digits
