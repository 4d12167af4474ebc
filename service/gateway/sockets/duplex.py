"""What the protocols over WebSocket share: frames in with a limit on silence, and both directions at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from service.errors import IdleTimeout
from service.log.tasks import cancel_tasks

SETTLE_S = 0.3  # a stream that goes quiet for so long has its last bytes written and acknowledged

Frame = str | bytes


async def receive(socket: WebSocket, timeout_s: float) -> Frame:
    """The next frame. Raises TimeoutError, WebSocketDisconnect."""
    message = await asyncio.wait_for(socket.receive(), timeout_s)
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006))
    data: bytes | None = message.get("bytes")
    text: str | None = message.get("text")
    return data if data is not None else text or ""


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
