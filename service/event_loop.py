"""The event loop of every process of Sotto: uvloop, where the system has it. uvicorn picks the same."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Like `asyncio.run`."""
    with asyncio.Runner(loop_factory=_new) as runner:
        return runner.run(main)


def _new() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()
