"""What is done to clean speech so that it sounds like a shop, an office or a telephone: a recipe, and one clip's share.

A recipe is a TOML file with the fields of `Recipe`; ranges are lists of two numbers, `kinds` a table:

noise = 0.7
snr_db = [0, 20]
kinds = { babble = 2, stationary = 1, music = 1, recorded = 3 }
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.described import read_described
from models.synthesize.acoustics import (
    Law,
    Lots,
    babble,
    clipped,
    coloured_noise,
    in_room,
    looped,
    music,
    room_response,
    telephone,
)
from models.synthesize.levels import at_level, mixed
from models.synthesize.voice import Float32
from service.errors import BadRequest

KINDS = ("babble", "stationary", "music", "recorded")
TALKERS = (3, 6)
DIRECT_DB = (-2.0, 8.0)
CLIPPED_DB = (1.0, 6.0)

Range = tuple[float, float]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


@dataclass(frozen=True, slots=True)
class Recipe:
    """`reverb`, `noise`, `telephone`, `clipping`: probabilities. `kinds`: weights of the noises; `recorded` is drawn
    only where recordings are given, `babble` only where others have spoken. `level_db`: active level of speech in dBFS.

    Raises BadRequest that names the field.
    """

    reverb: float = 0.3
    noise: float = 0.5
    telephone: float = 0.1
    clipping: float = 0.05
    rt60_s: Range = (0.15, 0.6)
    snr_db: Range = (5.0, 25.0)
    level_db: Range = (-34.0, -20.0)
    kinds: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 1.0))

    def __post_init__(self) -> None:
        for name in ("reverb", "noise", "telephone", "clipping"):
            if not _is_number(getattr(self, name)) or not 0 <= getattr(self, name) <= 1:
                raise BadRequest(f"{name}: must be a probability, from 0 to 1", field=name)
        for name, low, high in (("rt60_s", 0.05, 3.0), ("snr_db", -20.0, 60.0), ("level_db", -60.0, -10.0)):
            pair = getattr(self, name)
            if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(map(_is_number, pair)):
                raise BadRequest(f"{name}: must be two numbers", field=name)
            if not low <= pair[0] <= pair[1] <= high:
                raise BadRequest(f"{name}: must lie between {low:g} and {high:g}, the lower first", field=name)
            object.__setattr__(self, name, tuple(pair))
        if not isinstance(self.kinds, Mapping) or not self.kinds or set(self.kinds) - set(KINDS):
            raise BadRequest(f"kinds: must be a table of {', '.join(KINDS)}", field="kinds")
        if not all(_is_number(weight) and weight >= 0 for weight in self.kinds.values()):
            raise BadRequest("kinds: weights must not be negative", field="kinds")

    def identity(self) -> dict[str, Any]:
        """For a stage's options."""
        return asdict(self) | {name: list(getattr(self, name)) for name in ("rt60_s", "snr_db", "level_db")}


RECIPES = {
    "clean": Recipe(reverb=0.0, noise=0.0, telephone=0.0, clipping=0.0),
    "varied": Recipe(),
    "shop": Recipe(reverb=0.6, noise=0.8, telephone=0.0, kinds={"babble": 3.0, "music": 2.0, "recorded": 4.0}),
    "telephone": Recipe(reverb=0.2, noise=0.5, telephone=1.0, snr_db=(10.0, 30.0)),
}


def read_recipe(name: str) -> Recipe:
    """One of RECIPES, or a TOML file. Raises BadRequest that names file and field; unknown fields are refused."""
    if name in RECIPES:
        return RECIPES[name]
    path = Path(name)
    if path.suffix != ".toml":
        raise BadRequest(f"recipe {name!r}: is neither {', '.join(RECIPES)} nor a .toml file", field="recipe")
    return read_described(path, Recipe, field="recipe")


@dataclass(frozen=True, slots=True)
class Treatment:
    """One clip's share. `noise` is a kind or "", `law` that of the telephone line or None; None: not done."""

    level_db: float
    noise: str = ""
    snr_db: float | None = None
    rt60_s: float | None = None
    law: Law | None = None
    clipped_db: float | None = None

    def told(self) -> dict[str, Any]:
        """For the manifest: only what was done."""
        done = {"noise": self.noise or None, "snr_db": self.snr_db, "rt60_s": self.rt60_s, "telephone": self.law}
        done |= {"clipped_db": self.clipped_db, "level_db": self.level_db}
        return {name: value for name, value in done.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What noise is made of: `others` are clips of other people, `recorded` the noise to take a piece of."""

    others: tuple[Float32, ...] = ()
    recorded: Float32 | None = None


def draw(recipe: Recipe, lots: Lots, *, others: bool, recorded: bool) -> Treatment:
    """What is done to a clip. `others`, `recorded`: whether there are other people's clips, and recordings of noise."""
    able = {"babble": others, "recorded": recorded}
    weights = {kind: weight for kind, weight in recipe.kinds.items() if able.get(kind, True) and weight > 0}
    noisy = lots.random() < recipe.noise and bool(weights)
    total = sum(weights.values())
    kind = str(lots.choice(list(weights), p=[weight / total for weight in weights.values()])) if noisy else ""
    return Treatment(
        level_db=_within(recipe.level_db, lots),
        noise=kind,
        snr_db=_within(recipe.snr_db, lots) if noisy else None,
        rt60_s=_within(recipe.rt60_s, lots) if lots.random() < recipe.reverb else None,
        law=("mulaw", "alaw")[int(lots.integers(2))] if lots.random() < recipe.telephone else None,
        clipped_db=_within(CLIPPED_DB, lots) if lots.random() < recipe.clipping else None,
    )


def treated(speech: Float32, treatment: Treatment, around: Surroundings, lots: Lots) -> Float32:
    """Speech in its room, with noise, at its level, clipped, through its line: in the order in which it happens."""
    if treatment.rt60_s is not None:
        speech = in_room(speech, room_response(treatment.rt60_s, float(lots.uniform(*DIRECT_DB)), lots))
    speech = at_level(speech, treatment.level_db)
    if treatment.snr_db is not None:
        speech = mixed(speech, _noise(treatment.noise, len(speech), around, lots), treatment.snr_db)
    if treatment.clipped_db is not None:
        speech = clipped(speech, treatment.clipped_db)
    if treatment.law is not None:
        speech = telephone(speech, treatment.law)
    return np.clip(speech, -1.0, 1.0)


def _noise(kind: str, n: int, around: Surroundings, lots: Lots) -> Float32:
    if kind == "babble":
        count = min(int(lots.integers(TALKERS[0], TALKERS[1] + 1)), len(around.others))
        chosen = lots.permutation(len(around.others))[:count]
        return babble([around.others[each] for each in chosen], n, lots)
    if kind == "recorded":
        assert around.recorded is not None
        return looped(around.recorded, n, lots)
    return music(n, lots) if kind == "music" else coloured_noise(n, float(lots.uniform(0, 2)), lots)


def _within(pair: Range, lots: Lots) -> float:
    return round(float(lots.uniform(*pair)), 2)
