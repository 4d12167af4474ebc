"""A stream for code without an event loop."""

import asyncio
import queue
import threading
from collections.abc import Iterable, Iterator

from sotto_client.events import Event
from sotto_client.options import Patience, StreamOptions
from sotto_client.stream import Stream


def iterate_stream(
    url: str,
    chunks: Iterable[bytes],
    options: StreamOptions | None = None,
    *,
    api_key: str | None = None,
    patience: Patience | None = None,
) -> Iterator[Event]:
    """Streams `chunks` from a thread of its own and yields the events. Raises as `Stream` and `chunks` do.

    Closing the iterator early abandons the stream once the chunk being waited for has come.
    """
    arrived: queue.SimpleQueue[Event | Exception | None] = queue.SimpleQueue()
    abandoned = threading.Event()

    async def talk() -> None:
        async with Stream(url, options, api_key=api_key, patience=patience) as stream, asyncio.TaskGroup() as tasks:
            feeder = tasks.create_task(_feed(stream, chunks, abandoned))
            async for event in stream:
                arrived.put(event)
            feeder.cancel()

    def run() -> None:
        try:
            asyncio.run(talk())
        except ExceptionGroup as group:
            arrived.put(group.exceptions[0] if isinstance(group.exceptions[0], Exception) else group)
        except Exception as error:
            arrived.put(error)
        else:
            arrived.put(None)

    thread = threading.Thread(target=run, name="sotto-stream", daemon=True)
    thread.start()
    try:
        while (item := arrived.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        abandoned.set()


async def _feed(stream: Stream, chunks: Iterable[bytes], abandoned: threading.Event) -> None:
    iterator = iter(chunks)
    while not abandoned.is_set():
        chunk = await asyncio.to_thread(next, iterator, None)
        if chunk is None:
            break
        await stream.send_audio(chunk)
    await stream.finish()
