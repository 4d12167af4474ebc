"""Which model a name leads to, and how names are pointed elsewhere: pure functions on the deployment's record.

An alias has one stable model and, while a new version is tried, canaries beside it. `default` stands for requests that
name no model; while nobody has pointed it anywhere it leads to the gateway's own model.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from service.errors import BadRequest, Conflict, NotFound
from service.log.deployment import Alias, Canary, Deployment, Wish

DEFAULT = "default"
HISTORY = 10  # former stable models that an alias remembers


def route(deployment: Deployment, name: str, *, tenant: str | None, key: str) -> str:
    """The model that `name` leads to; itself where it is no alias. The same for the same tenant and key.

    A tenant that a canary names goes there; of all others each canary gets its share, by the hash of `key`.
    """
    alias = deployment.aliases.get(name)
    if alias is None:
        return name
    for canary in alias.canaries:
        if tenant is not None and tenant in canary.tenants:
            return canary.model
    place = _percentile(key)
    for canary in alias.canaries:
        if place < canary.percent:
            return canary.model
        place -= canary.percent
    return alias.stable


def shares(alias: Alias) -> dict[str, float]:
    """Percent of the streams that each model gets, of tenants that no canary names."""
    canaries = {canary.model: canary.percent for canary in alias.canaries}
    return {alias.stable: 100.0 - sum(canaries.values())} | canaries


def names_of(deployment: Deployment, model: str, own_model: str) -> list[str]:
    """The aliases that may lead to a model; `default` too where it is nobody's yet and the model is the gateway's."""
    return [name for name, alias in sorted(all_aliases(deployment, own_model).items()) if model in alias.models]


def loaded(deployment: Deployment, model: str) -> Deployment:
    """The model shall be loaded. Raises Conflict for the name of an alias."""
    if model in deployment.aliases:
        raise Conflict(f"{model!r} is an alias; name a model", field="model")
    return _wish(deployment, model, wanted=True)


def unloaded(deployment: Deployment, model: str, own_model: str) -> Deployment:
    """The model shall go once nobody uses it. Raises Conflict while an alias leads to it."""
    if names := names_of(deployment, model, own_model):
        raise Conflict(f"{model!r} is what {', '.join(names)} leads to: point it elsewhere first", field="model")
    return _wish(deployment, model, wanted=False)


def switched(deployment: Deployment, name: str, model: str, own_model: str) -> Deployment:
    """`name` leads to `model` alone; what it led to before is remembered."""
    former = all_aliases(deployment, own_model).get(name)
    if former is None or former.stable == model:
        return _point(deployment, name, Alias(model, history=former.history if former else ()))
    history = (former.stable, *(other for other in former.history if other != model))[:HISTORY]
    return _point(deployment, name, Alias(model, history=history))


def with_canary(deployment: Deployment, name: str, canary: Canary, own_model: str) -> Deployment:
    """`canary` beside the stable model, instead of the same model's former share.

    Raises Conflict without a stable model or for that itself, BadRequest when the shares are over 100 percent.
    """
    alias = all_aliases(deployment, own_model).get(name)
    if alias is None:
        raise Conflict(f"{name!r} leads nowhere yet: point it at a stable model first", field="alias")
    if alias.stable == canary.model:
        raise Conflict(f"{canary.model!r} is what {name!r} leads to already", field="model")
    others = [
        replace(other, tenants=tuple(t for t in other.tenants if t not in canary.tenants))
        for other in alias.canaries
        if other.model != canary.model
    ]
    if sum(other.percent for other in others) + canary.percent > 100:
        raise BadRequest("the canaries would get more than 100 percent", field="percent")
    return _point(deployment, name, replace(alias, canaries=(*others, canary)))


def without_canary(deployment: Deployment, name: str, model: str) -> Deployment:
    """Raises NotFound when there is no such canary."""
    alias = deployment.aliases.get(name)
    if alias is None or model not in alias.models[1:]:
        raise NotFound(f"{model!r} is no canary of {name!r}", field="model")
    kept = tuple(canary for canary in alias.canaries if canary.model != model)
    return _point(deployment, name, replace(alias, canaries=kept))


def rolled_back(deployment: Deployment, name: str) -> Deployment:
    """Takes the canaries away; where there are none, goes back to the stable model before this one.

    Raises NotFound for no such alias, Conflict when there is nothing to go back to or it is not to be loaded.
    """
    alias = existing(deployment, name)
    if alias.canaries:
        return _point(deployment, name, replace(alias, canaries=()))
    if not alias.history:
        raise Conflict(f"{name!r} has led to nothing else before", field="alias")
    former, *rest = alias.history
    if deployment.is_unwanted(former):
        raise Conflict(f"{name!r} led to {former!r} before, which is unloaded: load it first", field="alias")
    return _point(deployment, name, Alias(former, history=tuple(rest)))


def removed(deployment: Deployment, name: str, own_model: str) -> Deployment:
    """Without that alias. Raises NotFound, and Conflict for `default` when the gateway's own model is unloaded."""
    existing(deployment, name)
    if name == DEFAULT and deployment.is_unwanted(own_model):
        raise Conflict(f"{name!r} would lead to {own_model!r}, which is unloaded: load it first", field="alias")
    return replace(deployment, aliases={other: to for other, to in deployment.aliases.items() if other != name})


def existing(deployment: Deployment, name: str) -> Alias:
    """Raises NotFound."""
    if name not in deployment.aliases:
        raise NotFound(f"no alias {name!r}", field="alias")
    return deployment.aliases[name]


def all_aliases(deployment: Deployment, own_model: str) -> Mapping[str, Alias]:
    """Also `default` where nobody has pointed it anywhere."""
    return {DEFAULT: Alias(own_model), **deployment.aliases}


def _point(deployment: Deployment, name: str, alias: Alias) -> Deployment:
    """Raises Conflict when one of the models is not to be loaded."""
    for model in alias.models:
        if deployment.is_unwanted(model):
            raise Conflict(f"{model!r} is unloaded: load it first", field="model")
    return replace(deployment, aliases={**deployment.aliases, name: alias})


def _wish(deployment: Deployment, model: str, *, wanted: bool) -> Deployment:
    former = deployment.models.get(model, Wish(wanted, 0))
    return replace(deployment, models={**deployment.models, model: Wish(wanted, former.asked + 1)})


def _percentile(key: str) -> float:
    """A place from 0 up to 100 that is the same wherever it is computed."""
    digest = hashlib.sha256(key.encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 * 100
