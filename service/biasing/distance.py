"""Weighted edit distance between phone strings: vowels change and vanish more cheaply than consonants.

The weights say how easily a recogniser takes one phone for the other. They were set by phonetic kinship (place and
manner), not fitted to data; docs/biasing.md shows what they are worth against plain edit distance.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from service.biasing.spelling import PHONES

Codes = npt.NDArray[np.uint8]
Costs = npt.NDArray[np.float32]
Weights = tuple[Costs, Costs]  # of changing [phone, phone], of leaving out or putting in [phone]

_INDEX = {phone: i + 1 for i, phone in enumerate(PHONES)}  # 0 pads
_VOWELS = "aeiou"
_ANY_VOWELS = 0.45
_KIN = {
    0.3: ("ie", "ea", "ao", "ou", "uw"),
    0.35: ("sS", "SC"),
    0.4: ("mn",),
    0.5: ("iu", "ow", "pf", "fw", "tC"),
    0.55: ("sC",),
    0.6: ("ts", "kC", "kh", "lr"),
    0.7: ("pw", "kt", "pt", "pk", "rw", "iC", "fs", "lw"),
    0.8: ("kS", "nl", "hS"),
}
_LOST = {"h": 0.4, "r": 0.6, "w": 0.6, "n": 0.8, "l": 0.8, "t": 0.8}  # of a phone that is left out or put in
_LOST_VOWEL = 0.45
_LOST_OTHER = 0.9


def _weighted() -> Weights:
    size = len(PHONES) + 1
    change = np.ones((size, size), np.float32)
    lost = np.full(size, _LOST_OTHER, np.float32)
    lost[0] = 0
    for one in _VOWELS:
        lost[_INDEX[one]] = _LOST_VOWEL
        for other in _VOWELS:
            change[_INDEX[one], _INDEX[other]] = _ANY_VOWELS
    for weight, pairs in _KIN.items():
        for pair in pairs:
            one, other = tuple(pair)
            change[_INDEX[one], _INDEX[other]] = change[_INDEX[other], _INDEX[one]] = weight
    for phone, weight in _LOST.items():
        lost[_INDEX[phone]] = weight
    np.fill_diagonal(change, 0)
    return change, lost


def _plain(mean: float) -> Weights:
    """Every edit costs the same."""
    size = len(PHONES) + 1
    change = np.full((size, size), mean, np.float32)
    np.fill_diagonal(change, 0)
    lost = np.full(size, mean, np.float32)
    lost[0] = 0
    return change, lost


WEIGHTED = CHANGE, LOST = _weighted()
PLAIN = _plain(float(LOST[1:].mean()))


def encode(sounds: Sequence[str]) -> tuple[Codes, npt.NDArray[np.intp]]:
    """Phone strings as rows of codes [n, longest], padded with 0, and their lengths [n]."""
    lengths = np.array([len(sound) for sound in sounds], np.intp)
    codes = np.zeros((len(sounds), int(lengths.max(initial=0))), np.uint8)
    for row, sound in enumerate(sounds):
        codes[row, : len(sound)] = [_INDEX[phone] for phone in sound]
    return codes, lengths


def masses(codes: Codes) -> Costs:
    """What it would cost to lose a whole string, [n]."""
    return np.asarray(LOST[codes].sum(axis=1), np.float32)


def distances(
    one: Codes,
    one_lengths: npt.NDArray[np.intp],
    other: Codes,
    other_lengths: npt.NDArray[np.intp],
    weights: Weights = WEIGHTED,
) -> Costs:
    """Weighted Levenshtein distance of each row of `one` to the same row of `other`, [n]: Wagner and Fischer's
    recurrence, one step for all rows at once."""
    change, lost_each = weights
    n = len(other)
    insertions = np.concatenate([np.zeros((n, 1), np.float32), np.cumsum(lost_each[other], axis=1)], axis=1)
    row = insertions.copy()
    result = _at(row, other_lengths)
    for i in range(one.shape[1]):
        phone = one[:, i : i + 1]
        lost = lost_each[phone]
        stay = np.minimum(row[:, :-1] + change[phone, other], row[:, 1:] + lost)
        # insertions run along the row: a running minimum once their cumulative cost is taken off
        row = np.concatenate([row[:, :1] + lost, stay], axis=1) - insertions
        row = np.minimum.accumulate(row, axis=1) + insertions
        ends = one_lengths == i + 1
        result[ends] = _at(row[ends], other_lengths[ends])
    return result


def _at(rows: Costs, columns: npt.NDArray[np.intp]) -> Costs:
    return np.asarray(np.take_along_axis(rows, columns[:, None], axis=1)[:, 0], np.float32)


def distance(one: str, others: Iterable[str]) -> float:
    """The least distance of one phone string to any of the others."""
    many = list(others)
    codes, lengths = encode([one] * len(many))
    return float(distances(codes, lengths, *encode(many)).min())
