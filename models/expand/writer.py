"""Who writes new sentences: a Protocol with one method, behind which a grammar or a language model stands."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from models.expand.keywords import Keyword


@dataclass(frozen=True, slots=True)
class Wish:
    """`count` new sentences that hold a keyword. `attempt`: from 0; later ones ask for what the checks took away."""

    keyword: Keyword
    count: int
    attempt: int = 0


class Writer(Protocol):
    """`name` becomes the `source` of its sentences; `batch`: how many wishes it likes to have at once."""

    @property
    def name(self) -> str: ...

    @property
    def batch(self) -> int: ...

    def identity(self) -> Mapping[str, Any]:
        """What decides which sentences come, for the stage's options."""
        ...

    def write(self, wishes: Sequence[Wish]) -> Iterator[Iterable[str]]:
        """Sentences for each wish, in order; unchecked, perhaps fewer than asked, perhaps more."""
        ...
