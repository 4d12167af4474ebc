"""What one request wants to hear: its lists and how strongly."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from service.biasing.compiled import Compiled, compiled
from service.biasing.entries import Entry
from service.biasing.strategies import EVERY, Strategies


class BiasList:
    """A list that is compiled once for each language it is used in, and for how its phrases are read there; threads
    may share it."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = tuple(entries)
        self._compiled: dict[tuple[str, bool], Compiled] = {}
        self._lock = threading.Lock()

    def compiled(self, language: str, *, readings: bool = True) -> Compiled:
        with self._lock:
            if (language, readings) not in self._compiled:
                self._compiled[language, readings] = compiled(self.entries, language, readings=readings)
            return self._compiled[language, readings]

    def has(self, phrase: str) -> bool:
        """Whether it is one of the phrases, as written."""
        compiled = next(iter(tuple(self._compiled.values())), None)
        return phrase in (compiled.phrases if compiled else (entry.phrase for entry in self.entries))

    @property
    def nbytes(self) -> int:
        return sum(one.nbytes for one in tuple(self._compiled.values()))  # another thread may be compiling


@dataclass(frozen=True, slots=True)
class Bias:
    """`strength` 0 to 2 scales how readily phrases are believed; 1 is the measured balance.

    `watch`: change nothing, but leave words that may be phrases of the list unsure, so that no caption commits them.
    """

    lists: tuple[BiasList, ...]
    strength: float = 1.0
    watch: bool = False
    strategies: Strategies = EVERY

    def compiled(self, language: str) -> list[Compiled]:
        return [one.compiled(language, readings=self.strategies.readings) for one in self.lists]
