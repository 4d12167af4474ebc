"""`/v1/admin/models`, `/v1/admin/aliases`: which models are loaded, and which of them a name leads to."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from service.errors import BadRequest
from service.gateway import routing
from service.gateway.context import Gateway
from service.gateway.deployed import Deployed
from service.gateway.rest.described import described
from service.gateway.rest.schemas import DeployedModel, DeployedModels, ModelAlias
from service.log.deployment import Alias, Canary

router = APIRouter(prefix="/v1/admin", tags=["models"])

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

ModelId = Annotated[str, Path(description="a model on the workers' disks")]
AliasName = Annotated[str, Path(description="the name that requests give as their model")]


class AliasWish(BaseModel):
    """Where a name shall lead. Without `percent` and `tenants`, or with 100 percent: to the model alone. Else the
    model is a canary: it gets the streams of those tenants and that share of all others. With 0 percent and no
    tenants it is one no longer."""

    model_config = ConfigDict(extra="forbid")

    alias: str = Field(pattern=NAME)
    percent: float | None = Field(None, ge=0, le=100, allow_inf_nan=False)
    tenants: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(default_factory=list, max_length=1000)


@router.get(
    "/models",
    summary="Models that are wanted or loaded, aliases, and workers",
    response_model=None,
    responses=described(DeployedModels, 401, 403, 503),
)
async def deployed_models(request: Request) -> dict[str, Any]:
    seen = await _deployed(request).look()
    aliases = routing.all_aliases(seen.deployment, seen.own_model)
    return {
        "object": "list",
        "data": [seen.describe(model) for model in seen.models],
        "aliases": [public(name, alias) for name, alias in sorted(aliases.items())],
        "workers": [
            {
                "id": host.id,
                "device": host.device,
                "memory_bytes": host.memory_bytes,
                "memory_limit": host.memory_limit,
                "installed": list(host.installed),
            }
            for host in seen.hosts
        ],
    }


@router.post(
    "/models/{model}:load",
    status_code=202,
    summary="Load a model beside those that run",
    response_model=None,
    responses=described(DeployedModel, 401, 403, 404, 409, 503, status=202),
)
async def load(request: Request, model: ModelId) -> dict[str, Any]:
    return await _deployed(request).load(model)


@router.post(
    "/models/{model}:unload",
    status_code=202,
    summary="Let a model go once nobody uses it",
    response_model=None,
    responses=described(DeployedModel, 401, 403, 404, 409, 503, status=202),
)
async def unload(request: Request, model: ModelId) -> dict[str, Any]:
    return await _deployed(request).unload(model)


@router.post(
    "/models/{model}:alias",
    summary="Lead a name to a model: wholly, or as a canary",
    response_model=None,
    responses=described(ModelAlias, 400, 401, 403, 404, 409, 503),
)
async def alias(request: Request, model: ModelId, wish: AliasWish) -> dict[str, Any]:
    deployed = _deployed(request)
    if wish.percent == 100 and wish.tenants:
        raise BadRequest("100 percent are all tenants: leave out one of the two", field="percent")
    if not wish.tenants and wish.percent in (None, 100):
        changed = await deployed.switch(wish.alias, model)
    elif not wish.tenants and wish.percent == 0:
        changed = await deployed.remove_canary(wish.alias, model)
    else:
        canary = Canary(model, wish.percent or 0.0, tuple(dict.fromkeys(wish.tenants)))
        changed = await deployed.set_canary(wish.alias, canary)
    return public(wish.alias, changed)


@router.post(
    "/aliases/{alias}:rollback",
    summary="Take the canaries away, or go back to the stable model before this one",
    response_model=None,
    responses=described(ModelAlias, 401, 403, 404, 409, 503),
)
async def rollback(request: Request, alias: AliasName) -> dict[str, Any]:
    return public(alias, await _deployed(request).roll_back(alias))


@router.delete(
    "/aliases/{alias}",
    summary="Forget an alias",
    response_model=None,
    responses=described(ModelAlias, 401, 403, 404, 409, 503),
)
async def delete(request: Request, alias: AliasName) -> dict[str, Any]:
    return public(alias, await _deployed(request).remove(alias))


def public(name: str, alias: Alias) -> dict[str, Any]:
    return {
        "object": "alias",
        "alias": name,
        "stable": alias.stable,
        "canaries": [
            {"model": canary.model, "percent": canary.percent, "tenants": list(canary.tenants)}
            for canary in alias.canaries
        ],
        "shares": routing.shares(alias),
        "history": list(alias.history),
    }


def _deployed(request: Request) -> Deployed:
    gateway: Gateway = request.app.state.gateway
    return Deployed(gateway.store, gateway.admission, gateway.settings.model)
