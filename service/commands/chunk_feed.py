"""Blocking audio input for an event loop."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar, cast

T = TypeVar("T")

_AHEAD = 50  # chunks that may wait; a file is not decoded much faster than it is sent


async def in_daemon_thread(work: Callable[[], T]) -> T:
    """The result of `work`, which may block for ever without keeping the program from ending."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(cast(T, result))

    def run() -> None:
        try:
            outcome: tuple[T | None, Exception | None] = (work(), None)
        except Exception as error:  # raised again to the caller
            outcome = (None, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=run, name="audio-input", daemon=True).start()
    return await done


class ChunkFeed:
    """Reads chunks in a daemon thread, which a read that never returns cannot keep the program from ending.

    An async iterator, to be made inside a running loop; raises what `chunks` raises.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self._space = threading.Semaphore(_AHEAD)
        self._stopped = False
        threading.Thread(target=self._read, name="audio-input", daemon=True).start()

    def stop(self) -> None:
        """Ends the iteration now; what was read ahead is left out."""
        self._stopped = True
        self._queue.put_nowait(None)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        item = None if self._stopped else await self._queue.get()
        if self._stopped or item is None:
            raise StopAsyncIteration
        if isinstance(item, Exception):
            raise item
        self._space.release()
        return item

    def _read(self) -> None:
        try:
            for chunk in self._chunks:
                self._space.acquire()
                self._give(chunk)
        except Exception as error:  # raised again by the iteration
            self._give(error)
        else:
            self._give(None)

    def _give(self, item: bytes | Exception | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)
