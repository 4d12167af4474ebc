"""`POST /v1/realtime/client_secrets`: short-lived secrets with which a browser opens `/v1/realtime` or `/v1/stream`."""

import secrets
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Request
from pydantic import BaseModel, ConfigDict, Field

from service.errors import NotFound
from service.gateway.auth import caller_of
from service.gateway.context import Gateway
from service.gateway.sockets.realtime import beta
from service.gateway.sockets.realtime.session import Identity, Session
from service.log.client_secrets import ClientSecret, ClientSecrets

router = APIRouter(tags=["realtime"])

DEFAULT_TTL_S, LEAST_TTL_S, MOST_TTL_S = 600, 10, 7_200
BETA_TTL_S = 60


class ExpiresAfter(BaseModel):
    model_config = ConfigDict(extra="forbid")

    anchor: Literal["created_at"] = "created_at"
    seconds: int = Field(default=DEFAULT_TTL_S, ge=LEAST_TTL_S, le=MOST_TTL_S)


class SecretWish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expires_after: ExpiresAfter = Field(default_factory=ExpiresAfter)
    session: dict[str, Any] = Field(
        default_factory=lambda: {"type": "transcription"}, description="a transcription session, as in `session.update`"
    )


class MadeSecret(BaseModel):
    """`expires_at` is Unix time in seconds; `session` is what a stream opened with it begins as."""

    value: str
    expires_at: int
    session: dict[str, Any]


@router.post(
    "/v1/realtime/client_secrets",
    summary="Make a short-lived secret for a browser",
    responses={400: {"description": "a field is at fault; `error.param` names it"}},
)
async def create_client_secret(request: Request, wish: Annotated[SecretWish | None, Body()] = None) -> MadeSecret:
    wish = wish or SecretWish()
    session = Session().updated(wish.session)
    made, shown = await _make(request, session, wish.expires_after.seconds)
    return MadeSecret(value=made.value, expires_at=made.expires_at, session=shown)


@router.post(
    "/v1/realtime/transcription_sessions",
    summary="Make a short-lived secret, as in the beta of OpenAI's Realtime API",
    responses={
        400: {"description": "a field is at fault; `error.param` names it"},
        404: {"description": "the header `OpenAI-Beta` does not ask for the beta"},
    },
)
async def create_transcription_session(
    request: Request,
    wish: Annotated[dict[str, Any] | None, Body()] = None,
    openai_beta: Annotated[str, Header()] = "",
) -> dict[str, Any]:
    # the SDK of that time sends its header for assistants here, whatever the route
    if beta.HEADER not in openai_beta and not openai_beta.startswith("assistants="):
        raise NotFound("this route is of the beta: send `OpenAI-Beta: realtime=v1`, or use /v1/realtime/client_secrets")
    session = Session().updated(beta.to_current(wish or {}))
    made, shown = await _make(request, session, BETA_TTL_S)
    secret = {"value": made.value, "expires_at": made.expires_at}
    return beta.from_current(shown) | {"client_secret": secret}


async def _make(request: Request, session: Session, ttl_s: int) -> tuple[ClientSecret, dict[str, Any]]:
    gateway: Gateway = request.app.state.gateway
    tenant, asked = caller_of(request).tenant.id, session.transcription
    model = await gateway.admission.model(asked.model, asked.language, tenant=tenant)
    made = await ClientSecrets(gateway.store).create(tenant, session.model_dump(), ttl_s=ttl_s)
    expires_at = int(time.time()) + gateway.settings.max_stream_s
    return made, session.told(Identity(f"sess_{secrets.token_hex(12)}", model, expires_at))
