"""What the protocols share: frames in with a limit on silence, both directions at once, and how connections end."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from redis.exceptions import RedisError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from service import metrics
from service.errors import IdleTimeout, Refused, SottoError
from service.log.store import unavailable
from service.log.tasks import cancel_tasks

log = logging.getLogger(__name__)

MAX_REASON_BYTES = 123  # of a close frame (RFC 6455, 5.5)
SETTLE_S = 0.3  # a stream that goes quiet for so long has its last bytes written and acknowledged

Frame = str | bytes


async def receive(socket: WebSocket, timeout_s: float) -> Frame:
    """The next frame. Raises TimeoutError, WebSocketDisconnect."""
    async with asyncio.timeout(timeout_s):
        message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006))
    data: bytes | None = message.get("bytes")
    text: str | None = message.get("text")
    return data if data is not None else text or ""


async def send_text(socket: WebSocket, text: str) -> None:
    """Raises WebSocketDisconnect, also when it is the server that has closed the connection: it drains, or the client
    has not answered its pings."""
    try:
        await socket.send_text(text)
    except RuntimeError as error:  # so tell starlette and uvicorn
        raise WebSocketDisconnect(1006) from error


async def frames(
    socket: WebSocket, *, idle_s: float, settle: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[Frame]:
    """All frames; `settle` is called while none comes. Raises IdleTimeout after `idle_s`, WebSocketDisconnect."""
    quiet_s = 0.0
    while True:
        try:
            frame = await receive(socket, SETTLE_S)
        except TimeoutError:
            if settle:
                await settle()
            quiet_s += SETTLE_S
            if quiet_s >= idle_s:
                raise IdleTimeout(f"nothing was sent for {idle_s:.0f} s") from None
            continue
        quiet_s = 0.0
        yield frame


async def both_ways(
    read: Coroutine[Any, Any, None],
    relay: Coroutine[Any, Any, None],
    *,
    failed: Callable[[BaseException, "asyncio.Task[None]"], Awaitable[None]] | None = None,
) -> None:
    """Runs both directions until `relay` is through or one of them fails, which is raised.

    When it is `read` that fails, `failed` is asked first, while the relay still runs.
    """
    reader, relayer = asyncio.create_task(read), asyncio.create_task(relay)
    try:
        await asyncio.wait((reader, relayer), return_when=asyncio.FIRST_COMPLETED)
        if reader.done() and (error := reader.exception()):
            if failed:
                await failed(error, relayer)
            raise error
        await relayer
    finally:
        await cancel_tasks((reader, relayer))


@contextlib.asynccontextmanager
async def ending_with(
    fail: Callable[[SottoError], Awaitable[None]], *, gone: type[Exception] = WebSocketDisconnect
) -> AsyncIterator[None]:
    """Has `fail` tell the client what ended its connection; one that is `gone` is told nothing."""
    try:
        yield
    except gone:
        return
    except SottoError as error:
        await fail(error)
    except RedisError as error:
        await fail(unavailable(error))


async def close_with(
    socket: WebSocket, error: SottoError, tell: Callable[[], Awaitable[None]], *, reason: str | None = None
) -> None:
    """Counts and logs the error, and closes with its code; `tell` says it in the protocol's words before."""
    if isinstance(error, Refused):
        metrics.REFUSALS.labels(error.code).inc()
    metrics.ERRORS.labels(error.code).inc()
    log.info("stream ended with an error", extra={"code": error.code, "reason": error.message})
    if socket.client_state != WebSocketState.CONNECTED:
        return
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await tell()
        await socket.close(error.close_code, _fitting(reason or error.message))


def _fitting(reason: str) -> str:
    """As much of the reason as a close frame holds; a longer one would end the connection without a code."""
    return reason.encode(errors="replace")[:MAX_REASON_BYTES].decode(errors="ignore")
