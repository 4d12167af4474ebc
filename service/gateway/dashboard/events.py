"""`GET /v1/admin/dashboard/events`: what the dashboard shows, as server-sent events. For keys with the scope `admin`.

First `history`, the points of the last hour, then every two seconds `now`; `trouble` while Redis does not answer.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from redis.exceptions import RedisError

from service.errors import SottoError
from service.gateway.auth import key_in
from service.gateway.context import Gateway
from service.gateway.dashboard.assembly import now_of
from service.gateway.dashboard.reading import Reader
from service.gateway.dashboard.series import COLUMNS, points
from service.log.figures import SLOT_S, TELL_S

router = APIRouter(include_in_schema=False)  # an internal of the page, and endless

PATIENCE_S = 5.0  # shorter than what a client waits for Redis otherwise: an operator is looking
CHANGING = 3  # points that the next event tells anew
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.get("/v1/admin/dashboard/events")
async def events(request: Request) -> StreamingResponse:
    return StreamingResponse(_events(request), media_type="text/event-stream", headers=HEADERS)


async def _events(request: Request) -> AsyncIterator[str]:
    """Ends when the gateway drains, or when the key that asked does not hold any more."""
    gateway: Gateway = request.app.state.gateway
    reader: Reader = request.app.state.dashboard
    key = key_in(request.headers.get("authorization"))
    has_history = False
    while not request.app.state.is_draining():
        try:
            async with asyncio.timeout(PATIENCE_S):
                (await gateway.access.caller(key)).require("admin")
                seen = await reader.look()
        except (RedisError, TimeoutError):
            yield _event("trouble", {"message": "Redis does not answer"})
        except SottoError as error:
            yield _event("denied", {"message": error.message})
            return
        else:
            if not has_history:
                hour = await asyncio.to_thread(points, seen.complete)
                yield _event("history", {"step_s": SLOT_S, "columns": COLUMNS, "points": hour})
                has_history = True
            now = await asyncio.to_thread(now_of, seen)
            yield _event("now", now | {"points": points(seen.complete, last=CHANGING)})
        await asyncio.sleep(TELL_S)


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"
