"""What a worker process knows of models, in memory or not, and what it says of them."""

from dataclasses import dataclass, field

from service.log.workers import HeldModel
from service.worker.model_folder import ModelFiles

MB = 1_000_000


@dataclass(slots=True)
class Known:
    """`seen`: the wish at the last look; `asked`: the wish that was last acted upon; `failure`: why it came to nothing.
    Times are monotonic seconds."""

    asked: int
    used_at: float
    needed_at: float
    seen: int = 0
    files: ModelFiles | None = None
    failure: str = ""
    wanted: bool = False
    loaded: bool = False
    was_loaded: bool = False


@dataclass(slots=True)
class Inventory:
    """`loading`: the one that is being loaded; `no_room`: those that are asked for and do not fit; `limit_bytes` of all
    in memory, 0: none."""

    limit_bytes: int
    known: dict[str, Known] = field(default_factory=dict)
    loading: str | None = None
    no_room: frozenset[str] = frozenset()

    @property
    def memory_bytes(self) -> int:
        return sum(known.files.bytes for known in self.known.values() if known.loaded and known.files)

    def held(self) -> dict[str, HeldModel]:
        """What there is to say of each model."""
        return {model: held for model in self.known if (held := self._held(model))}

    def cold(self) -> dict[str, ModelFiles]:
        """Those that turns would have loaded. One that never was in memory may fail: it is not promised while it is
        tried."""
        return {model: known.files for model, known in self.known.items() if known.files and self._is_cold(model)}

    def _is_cold(self, model: str) -> bool:
        known = self.known[model]
        tried = model == self.loading and not known.was_loaded
        acted_upon = known.asked >= known.seen and model not in self.no_room
        return known.wanted and not known.loaded and not tried and acted_upon

    def _held(self, model: str) -> HeldModel | None:
        known = self.known[model]
        if known.loaded:
            return HeldModel("loaded", known.seen)
        if model == self.loading:
            return HeldModel("loading", known.seen)
        if known.failure:
            return HeldModel("failed", known.asked, known.failure)
        if model in self.no_room:
            return HeldModel("no_room", known.seen, self._lack_of_room(model))
        return HeldModel("cold", known.asked) if known.wanted and known.files else None

    def _lack_of_room(self, model: str) -> str:
        files = self.known[model].files
        needed = files.bytes // MB if files else 0
        return f"{needed} MB do not fit in {self.limit_bytes // MB} MB beside the models in use"
