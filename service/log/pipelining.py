"""Commands that the tasks of a process give in the same moment go to Redis together: many in one pipeline cost a
fraction of what each by itself does."""

import asyncio
from typing import Any

Waiting = list[tuple[tuple[Any, ...], "asyncio.Future[Any]"]]


class Pipelining:
    """Runs single commands in pipelines, whose order is that of the calls. A pipeline that breaks is run again, with
    the client's retries: every command must be safe to run twice."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._waiting: Waiting = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def execute(self, *command: Any) -> Any:
        """The command's reply in redis-py's form. Raises the command's own error, or what broke the pipeline."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._send)
        reply: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((command, reply))
        return await reply

    async def close(self) -> None:
        """Waits for what is under way."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        task = asyncio.create_task(self._run(waiting))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _run(self, waiting: Waiting) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for command, _ in waiting:
            pipe.execute_command(*command)
        try:
            replies = await pipe.execute(raise_on_error=False)
        except Exception as error:  # whatever it is, those who wait must hear of it
            replies = [error] * len(waiting)
        for (_, future), reply in zip(waiting, replies, strict=True):
            if future.done():  # whoever asked may have gone
                continue
            if isinstance(reply, Exception):
                future.set_exception(reply)
            else:
                future.set_result(reply)
