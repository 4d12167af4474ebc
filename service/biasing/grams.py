"""Which sounds of a list share enough with a run of phones to be compared with it: an inverted index of trigrams.

The trigrams are of a folded alphabet (all vowels one, kindred consonants one), which mishearing seldom changes. Of the
pairs that a full comparison finds worthwhile, 97 in 100 share enough (measured on 5,000 phrases; the others score low),
of all others 2 in 100, so a list can be long.
"""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

LEAST_DICE = 0.45  # twice the shared trigrams over all trigrams of both (Dice's coefficient)
LENGTHS = (0.5, 1.8)  # of a sound in units of the run's phones
_FOLDED = str.maketrans("aeioupfsSCkhmnwtlr", "VVVVVPPSSSKKNNVTLR")
_VOWELS = re.compile("V+")

Indices = npt.NDArray[np.intp]


class GramIndex:
    """Immutable after construction. `sounds` are phone strings by rising length."""

    def __init__(self, sounds: Sequence[str]) -> None:
        self._lengths = np.array([len(sound) for sound in sounds], np.int32)
        postings: dict[str, list[int]] = {}
        sizes = np.zeros(len(sounds), np.float32)
        for number, sound in enumerate(sounds):
            found = _grams(sound)
            sizes[number] = len(found)
            for gram in found:
                postings.setdefault(gram, []).append(number)
        self._sizes = sizes
        self._postings = {gram: np.array(numbers, np.int32) for gram, numbers in postings.items()}

    @property
    def nbytes(self) -> int:
        return self._lengths.nbytes + self._sizes.nbytes + sum(p.nbytes for p in self._postings.values())

    def near(self, sound: str) -> Indices:
        """Indices of the sounds that share enough trigrams with `sound` and are not much shorter or longer."""
        grams = _grams(sound)
        lists = [self._postings[gram] for gram in grams if gram in self._postings]
        if not lists:
            return np.zeros(0, np.intp)
        shortest, longest = np.searchsorted(self._lengths, (LENGTHS[0] * len(sound), LENGTHS[1] * len(sound) + 1))
        shared = np.bincount(np.concatenate(lists), minlength=len(self._lengths))[shortest:longest]
        both = self._sizes[shortest:longest] + len(grams)
        near: Indices = np.flatnonzero(shared >= LEAST_DICE / 2 * both) + shortest
        return near


def _grams(sound: str) -> set[str]:
    folded = "#" + _VOWELS.sub("V", sound.translate(_FOLDED)) + "#"
    return {folded[i : i + 3] for i in range(len(folded) - 2)}
