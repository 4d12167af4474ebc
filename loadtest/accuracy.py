"""Word errors against references, with a small normalisation of its own.

Lower case, NFKC, no punctuation or apostrophes; Chinese counts by character. Digits stay as they are written, so
"twenty" against "20" is an error: fine for comparing runs, not a published WER.
"""

import re
import unicodedata
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Substitutions, deletions and insertions together, and the words of the reference."""

    errors: int
    words: int

    def __add__(self, other: "WordErrors") -> "WordErrors":
        return WordErrors(self.errors + other.errors, self.words + other.words)

    @property
    def rate(self) -> float | None:
        return self.errors / self.words if self.words else None


def word_errors(reference: str, hypothesis: str) -> WordErrors:
    expected, heard = normalise(reference), normalise(hypothesis)
    return WordErrors(Levenshtein.distance(expected, heard), len(expected))


def normalise(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).lower()
    return _TOKEN.findall(re.sub(r"['’]", "", folded))
