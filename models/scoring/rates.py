"""The error rate of one utterance, for decisions about it alone; rates of many are sums (see `counts`)."""

from typing import Literal

from rapidfuzz.distance import Levenshtein
from rapidfuzz.fuzz import partial_ratio

from models.scoring.normalise import Tokenise

Unit = Literal["word", "character"]


def error_rate(expected: str, heard: str, language: str, tokenise: Tokenise, unit: Unit = "word") -> float:
    """Least edits that make `expected` of `heard`, over the units of `expected` (at least one).

    Words are characters in scripts without spaces; with `unit` "character" all are, and spaces do not count.
    """
    wanted, found = tokenise(expected, language), tokenise(heard, language)
    if unit == "character":
        wanted, found = list("".join(wanted)), list("".join(found))
    return Levenshtein.distance(wanted, found) / max(len(wanted), 1)


def phrase_distance(phrase: str, heard: str, language: str, tokenise: Tokenise) -> float:
    """How far the phrase is from what comes nearest to it in `heard`: 0 for the same letters to 1, spaces aside."""
    wanted, found = ("".join(tokenise(text, language)) for text in (phrase, heard))
    if not wanted:
        return 0.0
    if len(wanted) > len(found):  # the shorter one is looked for in the longer: here it would be the other way round
        return float(Levenshtein.normalized_distance(wanted, found))
    return 1 - partial_ratio(wanted, found) / 100
