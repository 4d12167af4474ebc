"""Tasks end when they are cancelled, also where a cancellation is lost on the way."""

import asyncio
import contextlib

from service.log.tasks import cancel_tasks


async def test_a_lost_cancellation_is_repeated() -> None:
    waiting = asyncio.Event()

    async def loses_the_first() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            waiting.set()
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    async def fails() -> None:
        raise ValueError

    tasks = [asyncio.create_task(loses_the_first()), asyncio.create_task(fails())]
    await waiting.wait()
    await cancel_tasks(tasks)
    assert tasks[0].cancelled()
    assert isinstance(tasks[1].exception(), ValueError)


async def test_nothing_to_cancel_is_no_error() -> None:
    await cancel_tasks(())
