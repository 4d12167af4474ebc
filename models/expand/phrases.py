"""List phrases in running text, exactly as they are written."""

import re
from collections.abc import Iterable

_UNSPACED = "\u3040-\u30ff\u3400-\u9fff"  # a phrase beside these is a word of its own


class PhraseMatcher:
    """Finds phrases of one list: whole words only, the longest first, none inside another."""

    def __init__(self, phrases: Iterable[str]) -> None:
        known = sorted({phrase for phrase in phrases if phrase}, key=lambda phrase: (-len(phrase), phrase))
        self._pattern = re.compile("|".join(map(_bounded, known))) if known else None

    def find(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each occurrence, in order."""
        return [found.span() for found in self._pattern.finditer(text)] if self._pattern else []

    def phrases_in(self, text: str) -> tuple[str, ...]:
        """Each phrase once, in the order of the text."""
        return tuple(dict.fromkeys(text[start:end] for start, end in self.find(text)))


def holds(text: str, phrase: str) -> bool:
    """Whether the text has the phrase as it is written, as words of its own."""
    return re.search(_bounded(phrase), text) is not None


def _bounded(phrase: str) -> str:
    left = rf"(?<![^\W{_UNSPACED}])" if re.match(rf"[^\W{_UNSPACED}]", phrase[0]) else ""
    right = rf"(?![^\W{_UNSPACED}])" if re.match(rf"[^\W{_UNSPACED}]", phrase[-1]) else ""
    return left + re.escape(phrase) + right
