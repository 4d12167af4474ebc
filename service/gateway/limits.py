"""Turns requests away before their bodies are read: unknown keys, keys out of scope, and bodies that are too large."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping

from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import metrics
from service.errors import Refused, Restarting, SottoError, TooLarge
from service.gateway.auditing import Asked
from service.gateway.auth import Access, Caller, key_in
from service.gateway.metering import Metering
from service.gateway.replies import error_body
from service.log.api_keys import Scope as KeyScope
from service.log.store import unavailable

MAX_LIST_BYTES = 4 * 1024 * 1024  # of a body, form field or message that holds a bias list: long phrases, any script
MULTIPART_OVERHEAD = 64 * 1024  # form fields and boundaries around the file
SECRETS_TAKEN = frozenset({"/v1/listen"})  # paths where a short-lived secret stands in for a key
SLOWEST_BYTES_PER_S = 1024  # of a body, on average: slower clients hold a connection for nothing
LINGER_S = 30.0  # for which a refused client may go on sending; one that is cut off while it sends reads no answer


Refusal = Callable[[SottoError], Response]


class Guard:
    """ASGI middleware over `/v1/`: tells the routes who calls, and bounds the body, declared or not, and its time.

    `refusals`: how errors look on paths that do not speak OpenAI's language; they count them, too.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        metering: Metering,
        max_bytes: int,
        idle_s: float,
        refusals: Mapping[str, Refusal],
    ) -> None:
        self._app = app
        self._access = access
        self._metering = metering
        self._refusals = refusals
        self._max_bytes = max_bytes + MULTIPART_OVERHEAD
        self._idle_s = idle_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        try:
            scope.setdefault("state", {})["caller"] = await self._caller(scope, headers)
            declared = headers.get(b"content-length", "0")
            if declared.isdigit() and int(declared) > self._max_bytes:
                raise self._too_large()
        except SottoError as error:
            refusal = self._refusals.get(scope["path"], _refusal)
            await _refuse(refusal(error), receive, send)
            return
        await self._answer(scope, self._bounded(receive), send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Has the application answer; a request that outlives the drain of this gateway is told so."""
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            if not has_begun:
                error = Restarting("the gateway ends before this request does; send it again", retry_after_s=1)
                await self._refusals.get(scope["path"], _refusal)(error)(scope, receive, send)
            raise

    async def _caller(self, asked: Scope, headers: Mapping[bytes, str]) -> Caller:
        """Raises Unauthorized, Forbidden, QuotaExceeded, StoreUnavailable."""
        path, client = asked["path"], asked.get("client")
        key, scope = key_in(headers.get(b"authorization")), scope_of(path)
        request = Asked(path, client[0] if client else "", headers.get(b"origin"), headers.get(b"host", ""))
        try:
            caller, _ = await self._access.admit(request, key, scope, secrets=path in SECRETS_TAKEN)
            if scope != "admin":
                await self._metering.count_request(caller.tenant)
        except RedisError as error:
            raise unavailable(error) from error
        return caller

    def _bounded(self, receive: Receive) -> Receive:
        received, is_whole, began = 0, False, time.monotonic()

        async def bounded() -> Message:
            nonlocal received, is_whole
            left_s = None if is_whole else min(self._idle_s, self._longest_s(received) - (time.monotonic() - began))
            try:
                message = await asyncio.wait_for(receive(), left_s)
            except TimeoutError:
                raise HTTPException(408, "the body of the request comes too slowly") from None
            received += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if received > self._max_bytes:
                # FastAPI passes on only HTTPExceptions that are raised while it reads a form
                raise HTTPException(413, self._too_large().message)
            return message

        return bounded

    def _longest_s(self, received: int) -> float:
        """Seconds that so much of a body may take, and what comes next."""
        return self._idle_s + received / SLOWEST_BYTES_PER_S

    def _too_large(self) -> TooLarge:
        megabytes = (self._max_bytes - MULTIPART_OVERHEAD) // (1024 * 1024)
        return TooLarge(f"the upload is larger than {megabytes} MiB", field="file")


def scope_of(path: str) -> KeyScope:
    """What a key must be good for to call a path under `/v1/`."""
    if path.startswith("/v1/admin/"):
        return "admin"
    return "lists" if path.startswith("/v1/bias-lists") else "transcribe"


def _refusal(error: SottoError) -> Response:
    metrics.ERRORS.labels(error.code).inc()
    headers = {}
    if isinstance(error, Refused):
        metrics.REFUSALS.labels(error.code).inc()
        headers["Retry-After"] = str(error.retry_after_s)
    return JSONResponse(error_body(error), error.status, headers)


async def _refuse(reply: Response, receive: Receive, send: Send) -> None:
    """Answers at once, then drops what the client still sends, until it is done or hangs up or `LINGER_S` are over."""
    reply.headers["Connection"] = "close"
    await send({"type": "http.response.start", "status": reply.status_code, "headers": reply.raw_headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": True})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while (await receive()).get("more_body"):
                pass
    await send({"type": "http.response.body"})
