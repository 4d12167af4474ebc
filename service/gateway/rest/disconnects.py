"""Work for a client that may hang up before it is done: then nobody waits for the answer, and the work ends."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from service.log.event_log import Event
from service.log.tasks import cancel_tasks

T = TypeVar("T")


async def until_disconnect(request: Request, work: Awaitable[T]) -> T | None:
    """What `work` yields; None when the client hung up, and `work` was dropped."""
    task = asyncio.ensure_future(work)
    gone = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        return None
    finally:
        await cancel_tasks((task, gone))


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class EventStream(StreamingResponse):
    """Server-sent events. However the response ends, the recording that they tell of ends with it."""

    def __init__(self, content: AsyncIterator[str], recording: AsyncGenerator[Event, None]) -> None:
        super().__init__(content, media_type="text/event-stream")
        self._recording = recording

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._recording.aclose()
