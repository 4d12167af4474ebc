"""A corrector of rules and a list, for tests, demos and places without a language model.

It knows no more than this: phrases of the list that sound like what was heard are written as the list has them; a word
that was heard twice in a row is written once; the first letter is a capital. It does not understand the sentence, so a
word that merely sounds like a phrase is replaced, too. On dictation it mends some names and breaks a few; LESS's gains
need a language model.
"""

import re
from collections.abc import Iterable, Sequence

from models.expand.language import COMMON_WORDS
from service.biasing.bias import BiasList
from service.biasing.entries import Entry
from service.biasing.hypothesis import HeardWord
from service.biasing.matching import plain
from service.biasing.retrieval import Candidate, retrieve
from service.biasing.selection import is_written

MAX_DISTANCE = 0.2  # phonetic; what sounds less alike needs evidence that only a recogniser has
LEAST_SCORE = 0.0  # log-odds in nats
_WORD = re.compile(r"\s*\S+")
_EDGES = re.compile(r"^(\W*)(.*?)((?:['’]s)?[^\w'’]*)$", re.DOTALL)
_TWICE = re.compile(r"\b([^\W\d_]+)(?: \1\b)+", re.IGNORECASE)
_LIKELY_TWICE = frozenset(("that", "had", "very", "nous", "vous", "sie", "die"))  # "that that", "nous nous"


class RuleCorrector:
    """Threads may share it."""

    name = "rules"

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._list = BiasList(tuple(entries))

    def correct(self, hypotheses: Sequence[Sequence[str]], language: str) -> list[str | None]:
        """See `Corrector`; None only where nothing was heard."""
        return [self._corrected(heard, language) for heard in hypotheses]

    def _corrected(self, heard: Sequence[str], language: str) -> str | None:
        if not heard or not plain(heard[0]):
            return None
        words = _words(heard, language)
        found = retrieve(words, [self._list.compiled(language)], language=language)
        text = _replaced([word.text for word in words[0]], _chosen(found))
        text = _TWICE.sub(_once, text.strip())
        return text[:1].upper() + text[1:]


def _words(heard: Sequence[str], language: str) -> list[list[HeardWord]]:
    """Each different hypothesis as words; how sure the recogniser was is not known."""
    common = COMMON_WORDS.get(language, frozenset())
    return [
        [HeardWord(word, (), None, all(part in common for part in plain(word))) for word in _WORD.findall(text)]
        for text in dict.fromkeys(heard)
    ]


def _chosen(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The best that do not overlap, from left to right."""
    chosen: list[Candidate] = []
    for candidate in candidates:
        near = candidate.distance <= MAX_DISTANCE and candidate.score >= LEAST_SCORE
        if (near or is_written(candidate)) and not any(candidate.overlaps(other) for other in chosen):
            chosen.append(candidate)
    return sorted(chosen, key=lambda candidate: candidate.place)


def _replaced(words: Sequence[str], chosen: Sequence[Candidate]) -> str:
    """The words with phrases in their places; punctuation and a possessive s around a place stay."""
    parts: list[str] = []
    last = 0
    for candidate in chosen:
        start, end = candidate.place
        before, after = _EDGES.match(words[start]), _EDGES.match(words[end - 1]) if end > start else None
        parts += words[last:start]
        parts.append((before[1] if before else " ") + candidate.entry.phrase + (after[3] if after else ""))
        last = end
    return "".join([*parts, *words[last:]])


def _once(found: re.Match[str]) -> str:
    return found[0] if found[1].lower() in _LIKELY_TWICE else found[1]
