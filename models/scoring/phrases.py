"""Finding list phrases in token sequences: whole words only, the longest first, none inside another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from models.scoring.normalise import Tokenise, tokens

Key = tuple[str, ...]
_CACHED_PHRASES = 2**18  # every utterance of a corpus may bring a list of its own, drawn from the same words


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A phrase at tokens `start` to `stop` (exclusive); `key` is what the phrase's tokens are on the list."""

    start: int
    stop: int
    key: Key


class PhraseFinder:
    """Finds the phrases of one list in tokens of one language.

    Phrases with equal tokens are one, under the spelling that came first. In English a possessive s may follow.
    """

    def __init__(self, phrases: Iterable[str], language: str, tokenise: Tokenise = tokens) -> None:
        self._spellings: dict[Key, str] = {}
        self._key_of: dict[Key, Key] = {}  # by the tokens that count as the phrase
        for phrase in phrases:
            key = _key(phrase, language, tokenise)
            if not key or key in self._spellings:
                continue
            self._spellings[key] = phrase
            self._key_of.setdefault(key, key)
            if language == "en":
                self._key_of.setdefault((*key[:-1], key[-1] + "s"), key)
        self._lengths = sorted({len(key) for key in self._spellings}, reverse=True)

    def find(self, words: Sequence[str]) -> list[Occurrence]:
        found = []
        start = 0
        while start < len(words):
            occurrence = self._longest_at(words, start)
            if occurrence:
                found.append(occurrence)
            start = occurrence.stop if occurrence else start + 1
        return found

    def spelling(self, key: Key) -> str:
        """As the list writes it."""
        return self._spellings[key]

    def _longest_at(self, words: Sequence[str], start: int) -> Occurrence | None:
        for length in self._lengths:
            key = self._key_of.get(tuple(words[start : start + length]))
            if key and len(key) == length:  # at the end of the words a slice is shorter
                return Occurrence(start, start + length, key)
        return None


@lru_cache(_CACHED_PHRASES)
def _key(phrase: str, language: str, tokenise: Tokenise) -> Key:
    return tuple(tokenise(phrase, language))
