"""Follows the event log of a session and hands its events on, in order, until the session is finished."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from service import tracing
from service.errors import Conflict, NotFound
from service.log.event_log import PAGE, Event, EventLog
from service.log.sessions import Sessions
from service.log.store import Store
from service.log.wake import Waker

LOOK_AGAIN_S = 1.0  # wake-ups are hints, so look without one now and then


async def follow(
    store: Store,
    sessions: Sessions,
    waker: Waker,
    session: str,
    *,
    after: int,
    resumed_seq: int = 0,
    writer: "asyncio.Task[None] | None" = None,
) -> AsyncIterator[Event]:
    """Events with a `seq` over `after`, as they appear; ends behind `finished`.

    `resumed_seq`: the `resumed` event of the caller's own connection, 0 for the first one. A later one means that
    another connection took over. Raises Conflict then, and NotFound when the session expires. `writer`: whoever writes
    the session; what it failed with is raised when no event could tell of it.
    """
    log = EventLog(store, session)
    bell = waker.listen(session)
    try:
        while True:
            bell.clear()
            events = await log.after(after)
            for event in events:
                after = event["seq"]
                if event["type"] == "resumed" and after != resumed_seq:
                    if after > resumed_seq:
                        raise Conflict("another connection has resumed this session", field="session")
                    continue
                with tracing.relayed(session, event):
                    yield event
                if event["type"] == "finished":
                    return
            if len(events) == PAGE:
                continue
            if writer and not events and writer.done():
                writer.result()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await bell.wait()
                continue
            if not await sessions.exists(session):
                raise NotFound("the session has expired", field="session")
    finally:
        waker.forget(session, bell)
