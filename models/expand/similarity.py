"""Near duplicates: sentences that share too many of their words in the same order."""

from collections.abc import Iterable

from rapidfuzz.distance import Indel
from rapidfuzz.process import extractOne

from service.biasing.matching import plain

_FIRST_CODE = 0x10000  # where words get characters of their own, so that rapidfuzz compares them in C++


class Neighbours:
    """Sentences that a new one must not resemble.

    Likeness is 2 × the longest common subsequence of words / the words of both: 1 for equal sentences, about 0.5 for
    two that share a half. Case, accents and punctuation do not count.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._codes: dict[str, str] = {}
        self._texts: list[str] = []
        self._encoded: list[str] = []
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        self._texts.append(text)
        self._encoded.append(self._encode(text))

    def nearest(self, text: str, at_least: float) -> tuple[str, float] | None:
        """The most similar of the sentences and its likeness, None when none reaches `at_least`."""
        found = extractOne(self._encode(text), self._encoded, scorer=Indel.normalized_similarity, score_cutoff=at_least)
        return (self._texts[found[2]], found[1]) if found else None

    def _encode(self, text: str) -> str:
        return "".join(self._codes.setdefault(word, chr(_FIRST_CODE + len(self._codes))) for word in plain(text))
