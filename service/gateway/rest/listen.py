"""`POST /v1/listen` and `POST /v1/auth/grant`, in Deepgram's shape."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any, BinaryIO, cast

from fastapi import APIRouter, Body, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from service.audio.container import count_channels
from service.audio.pcm import MAX_CHANNELS
from service.errors import BadRequest, IdleTimeout, SottoError, TooLarge
from service.gateway.auth import caller_of
from service.gateway.context import Gateway
from service.gateway.recording import Recording, RecordingOptions
from service.gateway.rest.disconnects import until_disconnect
from service.gateway.rest.listen_description import PARAMETERS, REFUSALS, REQUEST_BODY, TRANSCRIPT
from service.gateway.rest.listen_source import MAX_JSON, fetch, spool, url_in
from service.gateway.rest.listen_transcript import Listened, as_response
from service.gateway.rest.transcription import Transcription, collect
from service.gateway.sockets.deepgram.query import RecordedQuery, parse_recorded
from service.gateway.sockets.deepgram.refusals import new_request_id, refusal
from service.gateway.sockets.deepgram.serving import resolve, served_model
from service.log.client_secrets import ClientSecrets
from service.log.store import unavailable
from service.log.tenants import Tenant
from service.settings import Settings

LISTEN, GRANT = PATHS = ("/v1/listen", "/v1/auth/grant")
IN_MEMORY = 1024 * 1024  # bytes; longer recordings wait on the disk
DEFAULT_TTL_S, MAX_TTL_S = 30, 3_600


class ListenRoute(APIRoute):
    """Errors leave in Deepgram's shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except SottoError as error:
                return refusal(error)
            except RequestValidationError as error:
                first = error.errors()[0]
                return refusal(BadRequest(f"{first['loc'][-1]}: {first['msg']}", field=str(first["loc"][-1])))
            except RedisError as error:
                return refusal(unavailable(error))
            except ClientDisconnect:
                return Response(status_code=499)
            except HTTPException as error:
                kinds: dict[int, tuple[type[SottoError], str | None]] = {
                    BadRequest.status: (BadRequest, None),
                    IdleTimeout.status: (IdleTimeout, None),
                    TooLarge.status: (TooLarge, "file"),
                }
                if error.status_code not in kinds:
                    raise
                kind, field = kinds[error.status_code]
                return refusal(kind(str(error.detail), field=field))

        return handle


router = APIRouter(tags=["deepgram"], route_class=ListenRoute)


@router.post(
    LISTEN,
    summary="Transcribe a recording, in Deepgram's shape",
    responses={200: TRANSCRIPT, **REFUSALS},
    openapi_extra={"parameters": PARAMETERS, "requestBody": REQUEST_BODY},
)
async def listen(request: Request) -> Response:
    gateway: Gateway = request.app.state.gateway
    tenant = caller_of(request).tenant
    query = parse_recorded(request.query_params)
    model = await served_model(gateway.admission, tenant, query.asked)
    await gateway.admission.admit(model, live=False)
    created, request_id = datetime.now(UTC), new_request_id()
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as spooled:
        file = cast(BinaryIO, spooled)
        sha256 = await _receive(request, file, gateway.settings, query)
        channels = await until_disconnect(request, _transcribed(gateway, tenant, file, model, query))
    if channels is None:
        return Response(status_code=499)
    heard = Listened(request_id, sha256, created, model)
    return JSONResponse(as_response(heard, channels, query), headers={"dg-request-id": request_id})


async def _receive(request: Request, file: BinaryIO, settings: Settings, query: RecordedQuery) -> str:
    """Keeps the recording, and tells its SHA-256."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        return await spool(request.stream(), file, query.asked, max_bytes=settings.max_upload_mb * 1024 * 1024)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_JSON:
            raise TooLarge("the JSON body is too long", field="url")
    return await fetch(url_in(body), file, query.asked, settings)


async def _transcribed(
    gateway: Gateway, tenant: Tenant, file: BinaryIO, model: str, query: RecordedQuery
) -> list[Transcription]:
    """All channels mixed, or each after the other. Raises BadAudio, UnsupportedMedia, TooLarge, DecodeFailed."""
    asked = query.asked
    options = RecordingOptions(
        model,
        asked.language,
        languages=asked.languages,
        bias=(await resolve(gateway.biasing, tenant, asked.phrases)).bias,
    )
    if not asked.multichannel:
        return [await collect(Recording(gateway, tenant, file, None, options).events())]
    channels = await asyncio.to_thread(count_channels, file)
    if channels > MAX_CHANNELS:
        raise BadRequest(f"the recording has {channels} channels; at most {MAX_CHANNELS} are told apart", field="file")
    return [
        await collect(Recording(gateway, tenant, file, None, options, channel=channel).events())
        for channel in range(channels)
    ]


class GrantWish(BaseModel):
    ttl_seconds: float | None = Field(default=None, ge=1, le=MAX_TTL_S)


class Granted(BaseModel):
    access_token: str
    expires_in: float


@router.post(GRANT, summary="Make a temporary token, in Deepgram's shape", responses=REFUSALS)
async def grant(request: Request, wish: Annotated[GrantWish | None, Body()] = None) -> Granted:
    gateway: Gateway = request.app.state.gateway
    ttl_s = round((wish.ttl_seconds if wish else None) or DEFAULT_TTL_S)
    made = await ClientSecrets(gateway.store).create(caller_of(request).tenant.id, {}, ttl_s=ttl_s)
    return Granted(access_token=made.value, expires_in=ttl_s)
