"""Composition root of the gateway: builds the parts, mounts the routes, owns the background tasks."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException

from service import __version__, metrics
from service.audio.vad import SileroVad
from service.errors import BadRequest, Failed, IdleTimeout, NotFound, Refused, SottoError, TooLarge
from service.gateway import health
from service.gateway.admission import Admission
from service.gateway.auth import Access, asks_for_no_key
from service.gateway.biasing import Biasing
from service.gateway.context import Gateway
from service.gateway.dashboard import events as dashboard_events
from service.gateway.dashboard import page as dashboard_page
from service.gateway.dashboard.reading import Reader
from service.gateway.dashboard.reporting import Reporter
from service.gateway.hearing import Hearing
from service.gateway.limits import Guard
from service.gateway.metering import Metering
from service.gateway.recent import RecentSessions
from service.gateway.replies import error_body
from service.gateway.rest import (
    admin_models,
    bias_lists,
    jobs,
    listen,
    models,
    page,
    realtime,
    sessions,
    tenants,
    transcriptions,
    usage,
)
from service.gateway.rest.jobs import JobRunner
from service.gateway.roster import Roster
from service.gateway.sockets.deepgram.connection import ListenConnection
from service.gateway.sockets.deepgram.refusals import refusal
from service.gateway.sockets.handshake import SocketAuth
from service.gateway.sockets.native import Connection
from service.gateway.sockets.realtime.connection import RealtimeConnection
from service.gateway.sockets.wyoming.listener import WyomingListener
from service.log.figures import Teller
from service.log.sessions import Sessions
from service.log.store import Store, unavailable
from service.log.tasks import cancel_tasks
from service.log.wake import Waker
from service.settings import Settings

log = logging.getLogger(__name__)

RECORDING_TTL_S = 600  # what an upload left in Redis is forgotten so long after its gateway died


def build(settings: Settings, redis_url: str, *, open_to_all: bool = False) -> Gateway:
    """The parts of one gateway process. `open_to_all`: no key is configured anywhere."""
    store = Store(redis_url, prefix=settings.key_prefix)
    name = secrets.token_hex(6)
    sessions = Sessions(store, resume_ttl_s=settings.resume_ttl_s)
    return Gateway(
        name=name,
        settings=settings,
        store=store,
        access=Access(settings, store, is_open=open_to_all),
        metering=Metering(store),
        sessions=sessions,
        recordings=Sessions(store, resume_ttl_s=RECORDING_TTL_S),
        waker=Waker(store, name),
        admission=Admission(store, settings),
        hearing=Hearing(SileroVad()),
        roster=Roster(store, sessions),
        recent=RecentSessions(),
        biasing=Biasing(store, resume_ttl_s=settings.resume_ttl_s),
    )


def create_app(settings: Settings, redis_url: str) -> FastAPI:
    """The ASGI application. Its lifespan runs the waker, the roster and the job runner.

    Raises BadRequest when `redis_url` is none, StoreUnavailable when Redis does not answer.
    """
    gateway = build(settings, redis_url, open_to_all=asks_for_no_key(settings, redis_url))
    auth = SocketAuth(gateway.access, gateway.metering)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        runner = JobRunner(gateway)
        parts = (
            gateway.waker,
            gateway.hearing,
            gateway.roster,
            gateway.biasing,
            gateway.metering,
            runner,
            Teller(gateway.store),
            Reporter(gateway),
        )
        tasks = [asyncio.create_task(part.run()) for part in parts]
        wyoming = WyomingListener(gateway)
        try:
            await wyoming.start()
            log.info("gateway ready", extra={"gateway": gateway.name})
            yield
        finally:
            await runner.drain()
            await wyoming.drain()
            await cancel_tasks(tasks)
            await gateway.store.close()
            log.info("gateway drained")

    app = FastAPI(
        title="Sotto",
        version=__version__,
        summary="Real-time transcription for CRM dictation",
        lifespan=lifespan,
    )
    app.state.gateway = gateway
    app.state.probe = health.Probe(gateway)
    app.state.dashboard = Reader(gateway)
    app.state.is_draining = lambda: False  # whoever runs the server knows
    app.add_middleware(
        Guard,
        access=gateway.access,
        metering=gateway.metering,
        max_bytes=settings.max_upload_mb * 1024 * 1024,
        idle_s=settings.idle_timeout_s,
        refusals=dict.fromkeys(listen.PATHS, refusal),
    )
    for module in (health, models, transcriptions, jobs, bias_lists, sessions, usage, page, realtime, listen):
        app.include_router(module.router)
    for module in (admin_models, tenants, dashboard_events, dashboard_page):
        app.include_router(module.router)

    @app.websocket("/v1/stream")
    async def stream(socket: WebSocket) -> None:
        await Connection(gateway, auth, socket).run()

    @app.websocket("/v1/listen")
    async def listen_socket(socket: WebSocket) -> None:
        await ListenConnection(gateway, auth, socket).run()

    @app.websocket("/v1/realtime")
    async def realtime_socket(socket: WebSocket) -> None:
        await RealtimeConnection(gateway, auth, socket).run()

    _answer_errors(app)
    return app


def _answer_errors(app: FastAPI) -> None:
    """Every error leaves as OpenAI's shape: {"error": {message, type, param, code}}."""

    @app.exception_handler(SottoError)
    async def sotto_error(_: Request, error: SottoError) -> Response:
        metrics.ERRORS.labels(error.code).inc()
        headers = {}
        if isinstance(error, Refused):
            metrics.REFUSALS.labels(error.code).inc()
            headers["Retry-After"] = str(error.retry_after_s)
        return JSONResponse(error_body(error), error.status, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:])
        return await sotto_error(request, BadRequest(first["msg"], field=field or None))

    @app.exception_handler(RedisError)
    async def no_store(request: Request, error: RedisError) -> Response:
        return await sotto_error(request, unavailable(error))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("request failed", extra={"path": request.url.path}, exc_info=error)
        return await sotto_error(request, Failed("Sotto failed; the log says why"))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        kinds = {404: NotFound, 408: IdleTimeout, 413: TooLarge}
        if kind := kinds.get(error.status_code):
            return await sotto_error(request, kind(str(error.detail), field="file" if kind is TooLarge else None))
        body = {"error": {"message": str(error.detail), "type": "invalid_request_error", "param": None, "code": None}}
        return JSONResponse(body, error.status_code, error.headers)
