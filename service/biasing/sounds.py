"""From written words to phones: abbreviations, numbers, initialisms and other scripts first, then spelling rules."""

import re
import unicodedata
from functools import lru_cache
from string import ascii_lowercase

from anyascii import anyascii
from unicode_rbnf import RbnfEngine

from service.biasing.spelling import letters, read, readings

MAX_DIGITS = 9  # longer numbers are read digit by digit
_WORD = re.compile(r"\d+|[^\W\d_]+(?:['’][^\W\d_]+)*")
_IDEOGRAPH = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_POSSESSIVE = re.compile(r"['’]s$")
_ABBREVIATIONS = {
    "en": "mr mister mrs missus ms miz dr doctor prof professor st saint co company",
    "fr": "m monsieur mr monsieur mme madame mlle mademoiselle dr docteur st saint",
    "es": "sr senor sra senora srta senorita dr doctor dra doctora",
    "it": "sig signor dott dottor dr dottor prof professor",
    "de": "hr herr fr frau dr doktor prof professor st sankt",
}
_SAID = {
    language: dict(zip(pairs.split()[::2], pairs.split()[1::2], strict=True))
    for language, pairs in _ABBREVIATIONS.items()
}
_LETTER_NAMES = "ay bee see dee ee ef jee aitch eye jay kay el em en oh pee cue ar es tee you vee doubleu ex why zee"
_LETTER = dict(zip(ascii_lowercase, _LETTER_NAMES.split(), strict=True))


def words(text: str) -> list[str]:
    """The words of a text without punctuation; each number and each ideograph is a word of its own."""
    return _WORD.findall(_IDEOGRAPH.sub(lambda found: f" {found[0]} ", text))


@lru_cache(maxsize=50_000)
def spelled(word: str, language: str) -> str:
    """What is said for a written word, in letters a to z: "900" nine hundred, "Dr" doctor, "LV" el vee, "王" wang."""
    if word.isdecimal():
        return letters(anyascii(_number(word, language)))
    if _is_initialism(word):
        return letters("".join(_LETTER[letter] for letter in word.lower()))
    romanised = letters(anyascii(_POSSESSIVE.sub("s", word)) if not word.isascii() and not _is_latin(word) else word)
    return _SAID.get(language, {}).get(romanised) or romanised


def heard(text: str, language: str) -> tuple[str, str]:
    """Letters and phones of words in a hypothesis, read as its language reads them."""
    spellings = [(word, spelled(word, language)) for word in words(text)]
    return "".join(s for _, s in spellings), "".join(_sound(word, s, language) for word, s in spellings)


def pronunciations(phrase: str, language: str, origin: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Letters of a phrase and the ways it may sound when someone who speaks `language` says it; no letters and no
    ways when it cannot be pronounced. `origin`: the language that the phrase comes from, where that is known."""
    spellings = [spelled(word, language) for word in words(phrase)]
    # whoever reads one word as French reads the others so too
    whole = map("".join, zip(*(readings(spelling, origin or language) for spelling in spellings), strict=True))
    return "".join(spellings), tuple(dict.fromkeys(sound for sound in whole if sound))


def _sound(word: str, spelling: str, language: str) -> str:
    """A Latin word inside Chinese is no pinyin."""
    return read(spelling, "en" if language in ("zh", "yue") and word.isascii() else language)


def _number(digits: str, language: str) -> str:
    engine = _engine(language)
    if engine is None:
        return digits
    if len(digits) > MAX_DIGITS or digits.startswith("0"):
        return " ".join(engine.format_number(digit).text for digit in digits)
    return str(engine.format_number(digits).text)


@lru_cache(maxsize=8)
def _engine(language: str) -> RbnfEngine | None:
    try:
        return RbnfEngine.for_language(language)
    except ValueError:
        return None


def _is_initialism(word: str) -> bool:
    return (
        2 <= len(word) <= 4 and word.isascii() and word.isalpha() and word.isupper() and not set(word) & set("AEIOUY")
    )


def _is_latin(word: str) -> bool:
    return all("LATIN" in unicodedata.name(character, "") for character in word if character.isalpha())
