"""Ending tasks for certain."""

import asyncio
from collections.abc import Iterable
from typing import Any

CANCEL_AGAIN_S = 1.0


async def cancel_tasks(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancels the tasks and waits until all have ended, however they end.

    One cancellation may be lost: on Python 3.11 `asyncio.wait_for`, with which redis-py sends, drops one that comes
    in the moment when it is through (cpython issue 86296, mended in 3.12).
    """
    every = tuple(tasks)
    running = {task for task in every if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_S)
    await asyncio.gather(*every, return_exceptions=True)
