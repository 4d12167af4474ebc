"""Correcting what was heard, for pseudo-labels: LESS (Ding et al., 2025) with any corrector behind one Protocol."""

from collections.abc import Sequence
from typing import Protocol


class Corrector(Protocol):
    """`name` goes into the `source` of what it corrected."""

    @property
    def name(self) -> str: ...

    def correct(self, hypotheses: Sequence[Sequence[str]], language: str) -> list[str | None]:
        """One text for each utterance, in order, from its n-best hypotheses, best first; `language`: ISO 639-1.

        None where there is no text that can be used: the answer was no bare sentence or strayed from what was heard,
        or nothing was heard. A text equal to the best hypothesis says that nothing was wrong with it.
        """
        ...
