"""What a new sentence must be before it is kept; the same for every writer."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from models.expand.language import is_in
from models.expand.phrases import PhraseMatcher, holds
from models.expand.similarity import Neighbours
from service.biasing.sounds import words
from service.errors import BadRequest

_JUNK = re.compile(r"[\n\r\t\[\]{}()<>*#_|\\/=+~^@\"“”«»„…•—–`]|--|\.\.|https?:|www\.")
_ENDS = re.compile(r"[.?!。？！]$")
_JUNK_CATEGORIES = frozenset(("So", "Sk", "Cc", "Cf", "Co", "Cs", "Cn"))  # emoji, control characters and the like
SHOUTED = 4  # letters from which a word in capitals is no initialism
_REPEATED = re.compile(r"\b([^\W\d_]+) \1\b", re.IGNORECASE)
_LIKELY_TWICE = frozenset(("that", "had", "nous", "vous"))  # "that that", "nous nous"


@dataclass(frozen=True, slots=True)
class Limits:
    """Words (in Chinese and Japanese characters) a sentence may have, and how like another it may be (0 to 1)."""

    shortest: int = 5
    longest: int = 40
    likeness: float = 0.8

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.longest:
            raise BadRequest(f"sentences of {self.shortest} to {self.longest} words: there are none", field="min_words")
        if not 0 < self.likeness <= 1:
            raise BadRequest("the likeness must lie above 0 and at most at 1", field="max_likeness")


class Checker:
    """Says what is wrong with a sentence, in words that are the same for all sentences with that fault.

    A new sentence must resemble neither a seed nor one of `kept`; each that passes is added to those.
    """

    def __init__(
        self, limits: Limits, language: str, phrases: PhraseMatcher, seeds: Iterable[str], kept: Iterable[str] = ()
    ) -> None:
        self._limits = limits
        self._language = language
        self._phrases = phrases
        self._seeds = Neighbours(seeds)
        self._kept = Neighbours(kept)

    def problem(self, text: str, keyword: str) -> str | None:
        """None when the sentence passes; then the next one must differ from it, too."""
        found = self._form(text, keyword) or self._likeness(text)
        if found is None:
            self._kept.add(text)
        return found

    def _form(self, text: str, keyword: str) -> str | None:
        if not holds(text, keyword):
            return "the keyword is not in it as written"
        rest = self._rest(text, keyword)
        if any(character.isdigit() for character in rest):
            return "has digits"
        if _is_junk(rest):
            return "has markup or other junk"
        if not _ENDS.search(text):
            return "does not end like a sentence"
        if text[0].islower() and not text.startswith(keyword):
            return "does not begin like a sentence"
        repeated = _REPEATED.search(rest)
        if repeated and repeated[1].lower() not in _LIKELY_TWICE:
            return "repeats a word"
        length = len(words(text))
        if length < self._limits.shortest:
            return "too short"
        if length > self._limits.longest:
            return "too long"
        return None if is_in(rest, self._language) else "in another language"

    def _likeness(self, text: str) -> str | None:
        if self._seeds.nearest(text, self._limits.likeness):
            return "nearly a seed"
        return "nearly another new one" if self._kept.nearest(text, self._limits.likeness) else None

    def _rest(self, text: str, keyword: str) -> str:
        """The text without list phrases."""
        bare, last = [], 0
        for start, end in self._phrases.find(text):
            bare.append(text[last:start])
            last = end
        return "".join([*bare, text[last:]]).replace(keyword, "")


def _is_junk(text: str) -> bool:
    shouted = any(word.isupper() and len(word) >= SHOUTED for word in words(text))
    odd = any(unicodedata.category(character) in _JUNK_CATEGORIES for character in text)
    return shouted or odd or _JUNK.search(text) is not None
