"""What is deployed: which models are wanted and where they are, which names lead to them. And how that is changed."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from models.registry import check_id
from service.errors import Conflict, NoWorkers, UnknownModel
from service.gateway import routing
from service.gateway.admission import Admission
from service.log.deployment import Alias, Canary, Deployment, Deployments
from service.log.store import Store
from service.log.uses import Uses
from service.log.workers import HostRegistry, HostStatus

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """The deployment's record, the worker processes that are alive, and how many use each model."""

    deployment: Deployment
    hosts: Sequence[HostStatus]
    uses: dict[str, int]
    own_model: str

    @property
    def models(self) -> list[str]:
        """Those that are wanted, held or used, by id."""
        held = {model for host in self.hosts for model in host.models}
        return sorted(m for m, uses in self.uses.items() if uses or m in held or self.is_wanted(m))

    def is_wanted(self, model: str) -> bool:
        return not self.deployment.is_unwanted(model)

    def describe(self, model: str) -> dict[str, Any]:
        return {
            "object": "deployed_model",
            "id": model,
            "wanted": self.is_wanted(model),
            "uses": self.uses.get(model, 0),
            "aliases": routing.names_of(self.deployment, model, self.own_model),
            "workers": [each for host in self.hosts if (each := self._on(host, model))],
        }

    def _on(self, host: HostStatus, model: str) -> dict[str, Any] | None:
        """The model on one worker process; None where it has nothing to do with it."""
        wish, held = self.deployment.models.get(model), host.models.get(model)
        if held is None and not (wish and wish.wanted):
            return None
        state: str = held.state if held else "pending"
        if wish and held and wish.wanted and held.asked < wish.asked and state not in ("loading", "no_room"):
            state = "pending"  # it has not looked since that was said
        elif state == "loaded" and wish and not wish.wanted:
            state = "draining"
        reason = held.reason if held and state in ("failed", "no_room") else None
        return {"worker": host.id, "device": host.device, "state": state, "reason": reason}

    def require_installed(self, model: str) -> None:
        """Raises UnknownModel for one that no worker has on its disk, NoWorkers while there is no worker."""
        check_id(model)
        if not self.hosts:
            raise NoWorkers("no worker is there", field="model")
        installed = {each for host in self.hosts for each in host.installed}
        if model not in installed:
            there = ", ".join(sorted(installed))
            raise UnknownModel(f"no worker has the model {model!r} on its disk; there are {there}", field="model")

    def require_loaded(self, model: str) -> None:
        """Raises UnknownModel, NoWorkers, and Conflict unless a worker has it in memory."""
        self.require_installed(model)
        if not any(held.state == "loaded" for host in self.hosts if (held := host.models.get(model))):
            raise Conflict(f"no worker has {model!r} in memory: load it first", field="model")

    def require_free_name(self, alias: str) -> None:
        """Raises Conflict for the id of a model, which an alias of that name would hide."""
        installed = {each for host in self.hosts for each in host.installed}
        if alias in installed or self.deployment.is_wanted(alias) or alias == self.own_model:
            raise Conflict(f"{alias!r} is a model; name the alias otherwise", field="alias")


class Deployed:
    """Changes the deployment, one step at a time; each is decided on what is so when it is made."""

    def __init__(self, store: Store, admission: Admission, own_model: str) -> None:
        self._deployments, self._hosts, self._uses = Deployments(store), HostRegistry(store), Uses(store)
        self._admission = admission
        self._own_model = own_model

    async def look(self) -> Seen:
        deployment, hosts = await self._deployments.read(), await self._hosts.alive()
        models = {self._own_model, *deployment.models, *(model for host in hosts for model in host.models)}
        return Seen(deployment, hosts, await self._uses.count(models), self._own_model)

    async def load(self, model: str) -> dict[str, Any]:
        """Asks all workers to load a model. Raises UnknownModel, NoWorkers, Conflict."""
        (await self.look()).require_installed(model)
        await self._change("load", model, lambda seen: routing.loaded(seen, model))
        return (await self.look()).describe(model)

    async def unload(self, model: str) -> dict[str, Any]:
        """Asks all workers to let a model go once nobody uses it. Raises UnknownModel, Conflict."""
        if model not in (await self.look()).models:
            raise UnknownModel(f"the model {model!r} is not loaded", field="model")
        await self._change("unload", model, lambda seen: routing.unloaded(seen, model, self._own_model))
        return (await self.look()).describe(model)

    async def switch(self, alias: str, model: str) -> Alias:
        """Raises UnknownModel, NoWorkers, Conflict."""
        await self._require(alias, model)
        changed = await self._change(
            "switch", model, lambda seen: routing.switched(seen, alias, model, self._own_model), alias
        )
        return changed.aliases[alias]

    async def set_canary(self, alias: str, canary: Canary) -> Alias:
        """Raises UnknownModel, NoWorkers, Conflict, BadRequest."""
        await self._require(alias, canary.model)
        changed = await self._change(
            "canary", canary.model, lambda seen: routing.with_canary(seen, alias, canary, self._own_model), alias
        )
        return changed.aliases[alias]

    async def remove_canary(self, alias: str, model: str) -> Alias:
        """Raises NotFound."""
        changed = await self._change(
            "remove canary", model, lambda seen: routing.without_canary(seen, alias, model), alias
        )
        return changed.aliases[alias]

    async def roll_back(self, alias: str) -> Alias:
        """Raises NotFound, Conflict."""
        changed = await self._change("roll back", None, lambda seen: routing.rolled_back(seen, alias), alias)
        return changed.aliases[alias]

    async def remove(self, alias: str) -> Alias:
        """What the name led to. Raises NotFound, Conflict."""
        former = routing.existing((await self.look()).deployment, alias)
        await self._change("remove", None, lambda seen: routing.removed(seen, alias, self._own_model), alias)
        return former

    async def _require(self, alias: str, model: str) -> None:
        seen = await self.look()
        seen.require_free_name(alias)
        seen.require_loaded(model)

    async def _change(
        self, action: str, model: str | None, change: Callable[[Deployment], Deployment], alias: str | None = None
    ) -> Deployment:
        changed = await self._deployments.change(change)
        self._admission.look_again()
        log.info("models changed", extra={"action": action, "model": model, "alias": alias})
        return changed
