"""A stream for code without an event loop."""

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from sotto_client.biasing import Keyword
from sotto_client.errors import StreamClosed
from sotto_client.events import Event
from sotto_client.options import Patience, StreamOptions
from sotto_client.stream import Stream

T = TypeVar("T")


class LiveStream:
    """`Stream` run by a thread of its own; a context manager and an iterator of events.

        with LiveStream("http://localhost:8000") as live:
            live.send_audio(chunk)
            live.finish()
            for event in live: ...

    Every method waits for what the method of `Stream` awaits, and raises the same. One thread may send while another
    iterates. Everything raises StreamClosed before the context was entered and after it was left.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        options: StreamOptions | None = None,
        *,
        api_key: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._stream = Stream(urls, options, api_key=api_key, patience=patience)
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._thread = threading.Thread(target=self._run, name="sotto-stream", daemon=True)
        self._lock = threading.Lock()  # what is begun while the stream is open, the loop sees before it stops
        self._open = False

    def __enter__(self) -> Self:
        self._loop = self._runner.get_loop()
        self._thread.start()
        self._open = True
        try:
            self._wait(self._stream.__aenter__())
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        event = self._wait(self._next())
        if event is None:
            raise StopIteration
        return event

    def send_audio(self, audio: bytes) -> None:
        """Queues audio; waits while more than `patience.max_unsafe_bytes` are unacknowledged.

        Raises StreamClosed after `finish` or the end of the stream, else what ended the stream.
        """
        self._wait(self._stream.send_audio(audio))

    def flush(self) -> None:
        """Has the server finalise what was said so far; the stream stays open."""
        self._wait(self._stream.flush())

    def configure(
        self,
        *,
        language: str | None = None,
        interim: bool | None = None,
        endpointing: Mapping[str, float] | None = None,
        keywords: Sequence[Keyword] | None = None,
        bias_lists: Sequence[str] | None = None,
        bias_strength: float | None = None,
    ) -> None:
        """Changes what is not None from here on; empty `keywords` or `bias_lists` take away those that there were."""
        self._wait(
            self._stream.configure(
                language=language,
                interim=interim,
                endpointing=endpointing,
                keywords=keywords,
                bias_lists=bias_lists,
                bias_strength=bias_strength,
            )
        )

    def finish(self) -> None:
        """Says that no more audio comes; the remaining events end with `Finished`."""
        self._wait(self._stream.finish())

    def abandon(self) -> None:
        """Ends the stream as it is, from any thread; whoever iterates gets the events that have come, then the end."""
        with suppress(StreamClosed):
            self._wait(self._stream.__aexit__(None, None, None))

    async def _next(self) -> Event | None:
        return await anext(self._stream, None)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        with self._lock:
            if not self._open:
                work.close()
                raise StreamClosed("the stream is not open")
            running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result()
        except CancelledError:
            raise StreamClosed("the stream was left") from None
        except BaseException:
            running.cancel()  # of an interrupted wait; an event that nobody would get stays in its queue
            raise

    def _leave(self) -> None:
        with self._lock:
            self._open = False
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        with self._runner:  # its end cancels the stream and whoever waits for it
            self._loop.run_forever()


def iterate_stream(live: LiveStream, chunks: Iterable[bytes]) -> Iterator[Event]:
    """Streams `chunks` from a thread of their own and yields the events. Raises as `Stream` and `chunks` do.

    Closing the iterator early abandons the stream.
    """
    trouble: list[Exception] = []

    def feed() -> None:
        try:
            for chunk in chunks:
                live.send_audio(chunk)
            live.finish()
        except StreamClosed:
            return  # whoever iterates has left, or is told why the stream has ended
        except Exception as error:
            trouble.append(error)
            live.abandon()

    with live:
        threading.Thread(target=feed, name="sotto-chunks", daemon=True).start()
        yield from live
    if trouble:
        raise trouble[0]
