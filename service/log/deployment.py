"""Which models shall be loaded, and which of them a name stands for: one record, changed as a whole.

It is small and read often, so it is one key: whoever reads it sees models and aliases of the same moment, and a change
that was decided on what is not so any more is decided again.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from service.log.store import Store


@dataclass(frozen=True, slots=True)
class Wish:
    """Whether a model shall be loaded. `asked` counts how often that was said: a load that failed is tried again when
    it is asked for again."""

    wanted: bool
    asked: int = 1


@dataclass(frozen=True, slots=True)
class Canary:
    """A model beside the stable one: it gets the streams of `tenants`, and `percent` of all others."""

    model: str
    percent: float = 0.0
    tenants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alias:
    """What a name stands for. `history`: the stable models before this one, newest first."""

    stable: str
    canaries: tuple[Canary, ...] = ()
    history: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """All that the name may lead to, the stable one first."""
        return (self.stable, *(canary.model for canary in self.canaries))


@dataclass(frozen=True, slots=True)
class Deployment:
    """Wishes by model id, aliases by name. A model without a wish is served by the workers that were started for it."""

    models: Mapping[str, Wish] = field(default_factory=dict)
    aliases: Mapping[str, Alias] = field(default_factory=dict)

    def is_unwanted(self, model: str) -> bool:
        """Whether somebody said that it shall not be loaded."""
        wish = self.models.get(model)
        return wish is not None and not wish.wanted

    def is_wanted(self, model: str) -> bool:
        """Whether somebody said that it shall be loaded."""
        wish = self.models.get(model)
        return wish is not None and wish.wanted

    def dump(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def load(cls, stored: bytes) -> "Deployment":
        """What `dump` wrote; nothing said yet where there is nothing."""
        if not stored:
            return cls()
        record = json.loads(stored)
        return cls(
            {model: Wish(**wish) for model, wish in record["models"].items()},
            {name: _alias(**alias) for name, alias in record["aliases"].items()},
        )


def _alias(stable: str, canaries: list[dict[str, Any]], history: list[str]) -> Alias:
    parsed = (Canary(**canary | {"tenants": tuple(canary["tenants"])}) for canary in canaries)
    return Alias(stable, tuple(parsed), tuple(history))


class Deployments:
    """The record in Redis."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key = store.keys.deployment()

    async def read(self) -> Deployment:
        return Deployment.load(await self._store.redis.get(self._key) or b"")

    async def change(self, change: Callable[[Deployment], Deployment]) -> Deployment:
        """Replaces the record by what `change` makes of it; decided again when another was faster. What it raises
        leaves everything as it was."""
        while True:
            seen = await self._store.redis.get(self._key) or b""
            changed = change(Deployment.load(seen))
            if await self._store.script("replace", [self._key], [seen, changed.dump()]) == b"ok":
                return changed
