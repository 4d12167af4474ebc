"""Who says which sentence, and how fast: by lot, from the sentence's id and the seed alone."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import sqrt
from typing import Literal

from models.synthesize.voice import Voice
from service.errors import BadRequest

SLOWEST, FASTEST = 0.5, 2.0  # what every backend can do

Kind = Literal["plain", "blended", "foreign"]


@dataclass(frozen=True, slots=True)
class Casting:
    """`foreign`, `blended`: share of clips by voices of another language, and by blends of two voices.

    `slowest` and `fastest` bound the speed, of which 1 is the voice's own. `only` and `exclude` are names or patterns
    like `bf_*`; a blend goes where one of its parts does. Raises BadRequest that names the field.
    """

    seed: int = 1
    foreign: float = 0.1
    blended: float = 0.3
    slowest: float = 0.85
    fastest: float = 1.2
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("foreign", "blended"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadRequest(f"{name}: must be between 0 and 1", field=name)
        if self.foreign + self.blended > 1:
            raise BadRequest("foreign and blended: are more than 1 together", field="foreign")
        if not SLOWEST <= self.slowest <= self.fastest <= FASTEST:
            raise BadRequest(f"speed: must lie between {SLOWEST} and {FASTEST}, the lower first", field="speed")


@dataclass(frozen=True, slots=True)
class Part:
    voice: Voice
    speed: float


class Cast:
    """The voices that may speak. Raises BadRequest for a pattern that fits none: a slip there would let voices that
    are held out into the training data."""

    def __init__(self, voices: Iterable[Voice], options: Casting) -> None:
        everybody = list(voices)
        for name in ("only", "exclude"):
            for pattern in getattr(options, name):
                if not any(_fits(voice, (pattern,)) for voice in everybody):
                    raise BadRequest(f"{name}: no voice is called {pattern!r}", field=name)
        self._options = options
        self._voices = [
            voice
            for voice in everybody
            if not _fits(voice, options.exclude) and (not options.only or all(_fits_part(voice, options.only)))
        ]

    def part(self, sentence: str, variant: int, language: str) -> Part:
        """Of the `variant`-th clip (from 1) of the sentence of that id. Variants of a sentence differ in their voices
        as long as there are any. Raises BadRequest when nobody speaks the language."""
        lots = random.Random(f"{self._options.seed}/{sentence}/{language}")
        kinds = {kind: self._of_kind(kind, language) for kind in ("plain", "blended", "foreign")}
        if not any(kinds.values()):
            raise BadRequest(f"language {language!r}: no voice speaks it", field="language")
        orders = {kind: _shuffled(voices, lots) for kind, voices in kinds.items()}
        taken: Counter[str] = Counter()
        for _ in range(variant):
            kind = self._kind(lots, [kind for kind in orders if orders[kind]])
            voice = orders[kind][taken[kind] % len(orders[kind])]
            taken[kind] += 1
            speed = round(lots.uniform(self._options.slowest, self._options.fastest), 3)
        return Part(voice, speed)

    def _kind(self, lots: random.Random, there_are: Sequence[str]) -> str:
        foreign, blended = self._options.foreign, self._options.blended
        drawn = lots.random()
        kind = "foreign" if drawn < foreign else "blended" if drawn < foreign + blended else "plain"
        return kind if kind in there_are else there_are[0]

    def _of_kind(self, kind: str, language: str) -> list[Voice]:
        def belongs(voice: Voice) -> bool:
            if not voice.native:
                return kind == "foreign"
            return kind == ("blended" if len(voice.parts) > 1 else "plain")

        return [voice for voice in self._voices if voice.language in (language, "") and belongs(voice)]


def _shuffled(voices: Sequence[Voice], lots: random.Random) -> list[Voice]:
    """In an order drawn by lot, in which an accent and gender weighs by the root of how many voices it has."""
    sizes = Counter((voice.engine, voice.accent, voice.gender) for voice in voices)
    weighed = [(lots.random() ** sqrt(sizes[voice.engine, voice.accent, voice.gender]), voice) for voice in voices]
    return [voice for _, voice in sorted(weighed, key=lambda each: -each[0])]


def _fits(voice: Voice, patterns: Iterable[str]) -> bool:
    return any(_fits_part(voice, patterns))


def _fits_part(voice: Voice, patterns: Iterable[str]) -> list[bool]:
    return [any(fnmatchcase(part, pattern) for pattern in patterns) for part in voice.parts]
