"""A bias list made ready for search: what its phrases sound like, as arrays, for one language of the speaker."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.biasing.distance import Codes, Costs, encode, masses
from service.biasing.entries import Entry
from service.biasing.grams import GramIndex
from service.biasing.matching import plain
from service.biasing.sounds import pronunciations

_BYTES_PER_ENTRY = 600  # of Python objects: the entry, its strings, their places in lists; measured


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """`phrases`: all of them, as written, `plain` as they are compared; `letters` [n]: each as letters.

    `sounds` [m]: every way a phrase may sound, by rising length; `owner` [m]: whose it is; `grams`: their index.
    `codes` [m, longest], `lengths` [m] and `masses` [m] are those of `sounds` (see `distance`).
    """

    entries: tuple[Entry, ...]
    phrases: frozenset[str]
    plain: frozenset[tuple[str, ...]]
    letters: tuple[str, ...]
    sounds: npt.NDArray[np.object_]
    owner: npt.NDArray[np.int32]
    codes: Codes
    lengths: npt.NDArray[np.intp]
    masses: Costs
    grams: GramIndex
    max_boost: float

    @property
    def nbytes(self) -> int:
        arrays = (self.owner, self.codes, self.lengths, self.masses)
        return sum(array.nbytes for array in arrays) + self.grams.nbytes + _BYTES_PER_ENTRY * len(self.entries)


def compiled(entries: Sequence[Entry], language: str, *, readings: bool = True) -> Compiled:
    """A list as people who speak `language` (ISO 639-1) say its phrases; 10,000 take about a second.

    `readings`: as other languages read them, too.
    """
    spellings: list[str] = []
    said: list[tuple[str, int]] = []
    for index, entry in enumerate(entries):
        spelling, ways = _ways(entry, language, readings)
        spellings.append(spelling)
        said += [(way, index) for way in ways]
    said.sort(key=lambda pair: len(pair[0]))
    sounds = [sound for sound, _ in said]
    codes, lengths = encode(sounds)
    return Compiled(
        entries=tuple(entries),
        phrases=frozenset(entry.phrase for entry in entries),
        plain=frozenset(plain(entry.phrase) for entry in entries),
        letters=tuple(spellings),
        sounds=np.array(sounds, np.object_),
        owner=np.array([index for _, index in said], np.int32),
        codes=codes,
        lengths=lengths,
        masses=masses(codes),
        grams=GramIndex(sounds),
        max_boost=max((entry.boost for entry in entries), default=1.0),
    )


def _ways(entry: Entry, language: str, readings: bool) -> tuple[str, list[str]]:
    if not entry.boost:
        return "", []
    used = None if readings else 1
    spelling, ways = pronunciations(entry.phrase, language, entry.language)
    every = list(ways[:used])
    for alias in entry.sounds_like:
        every += pronunciations(alias, language)[1][:used]
    return spelling, list(dict.fromkeys(every))
