"""`GET /v1/models`: what a request may name as its model now."""

from typing import Any

from fastapi import APIRouter, Request

from service.errors import UnknownModel
from service.gateway.context import Gateway
from service.gateway.rest.described import described
from service.gateway.rest.schemas import Model, Models

router = APIRouter(tags=["models"])


@router.get(
    "/v1/models",
    summary="Models that can be used now",
    response_model=None,
    responses=described(Models, 401, 503),
)
async def list_models(request: Request) -> dict[str, Any]:
    return {"object": "list", "data": await _models(request.app.state.gateway)}


@router.get(
    "/v1/models/{model}",
    summary="One model",
    response_model=None,
    responses=described(Model, 401, 404, 503),
)
async def get_model(request: Request, model: str) -> dict[str, Any]:
    for entry in await _models(request.app.state.gateway):
        if entry["id"] == model:
            return entry
    raise UnknownModel(f"no worker serves the model {model!r}", field="model")


async def _models(gateway: Gateway) -> list[dict[str, Any]]:
    load = await gateway.admission.load()
    aliases = load.deployment.aliases
    return [
        {"id": name, "object": "model", "created": 0, "owned_by": "sotto", "languages": list(languages)}
        | ({"alias_of": aliases[name].stable} if name in aliases else {})
        for name, languages in sorted(load.offered.items())
    ]
