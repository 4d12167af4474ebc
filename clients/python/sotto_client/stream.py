"""A live stream that survives disconnections."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from sotto_client.biasing import Keyword, plain
from sotto_client.closing import fatal_error
from sotto_client.dialing import Dialer
from sotto_client.errors import (
    Refused,
    SottoClientError,
    StreamClosed,
    Unreachable,
)
from sotto_client.events import Acknowledged, Event, Finished, Pong, Problem, Resumed, Started, parse_event
from sotto_client.options import Patience, StreamOptions
from sotto_client.outbox import Outbox
from sotto_client.reconnection import Reconnection

_MAX_AUDIO_MESSAGE_BYTES = 32 * 2**10


class Stream:
    """One dictation over a WebSocket; an async context manager and an async iterator of events.

        async with Stream("http://localhost:8000") as stream:
            await stream.send_audio(chunk)
            await stream.finish()
            async for event in stream: ...

    Audio is kept until the server acknowledges it. After a disconnection the stream is resumed by itself, at the
    same URL or the next of several: missed events arrive, none arrives twice, and unacknowledged audio is sent again.
    Events wait in an unbounded queue, so sending never waits for the reader. Iteration ends after `Finished`.

    Entering, sending and iterating raise Unreachable when no server can be reached for `patience.reconnect_s`,
    ApiError when the server ends the stream with an error, ProtocolError when it is not a Sotto server.
    Leaving the context without having seen `Finished` abandons the stream.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        options: StreamOptions | None = None,
        *,
        api_key: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._options = options or StreamOptions()
        self._patience = patience or Patience()
        url_list = [urls] if isinstance(urls, str) else list(urls)
        self._dialer = Dialer(url_list, api_key=api_key, timeout_s=self._patience.answer_s)
        self._reconnection = Reconnection(deadline_s=self._patience.reconnect_s)
        self._outbox = Outbox(packets=self._options.format.encoding == "opus")
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._wake = asyncio.Event()  # the outbox has something to send
        self._room = asyncio.Event()  # the outbox has room again, or the stream is over
        self._ready = asyncio.Event()  # this connection was answered with started or resumed
        self._opened = asyncio.Event()  # started for the first time, or failed
        self._session: Started | None = None
        self._last_seq = -1
        self._problem: Problem | None = None  # what this connection ended with
        self._ending = False  # finish was called
        self._finished = False
        self._over = False
        self._failure: Exception | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        try:
            await self._opened.wait()
        except asyncio.CancelledError:
            await self._stop()
            raise
        if self._failure is not None:
            raise self._failure
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        if self._over and self._events.empty():
            return self._end_of_events()
        event = await self._events.get()
        return self._end_of_events() if event is None else event

    async def send_audio(self, audio: bytes) -> None:
        """Queues audio; waits while more than `patience.max_unsafe_bytes` are unacknowledged.

        Raises StreamClosed after `finish` or the end of the stream, else what ended the stream.
        """
        is_packet = self._options.format.encoding == "opus"
        step = max(1, len(audio)) if is_packet else _MAX_AUDIO_MESSAGE_BYTES
        for start in range(0, len(audio), step):
            self._require_open()
            while self._outbox.unsafe_bytes >= self._patience.max_unsafe_bytes:
                self._room.clear()
                await self._room.wait()
                self._require_open()
            self._outbox.add_audio(bytes(audio[start : start + step]))
            self._wake.set()

    async def flush(self) -> None:
        """Has the server finalise what was said so far; the stream stays open."""
        self._command({"type": "flush"})

    async def configure(
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
        wanted = {
            "language": language,
            "interim": interim,
            "endpointing": dict(endpointing) if endpointing else None,
            "keywords": None if keywords is None else plain(keywords),
            "bias_lists": None if bias_lists is None else list(bias_lists),
            "bias_strength": bias_strength,
        }
        self._command({"type": "configure"} | {name: value for name, value in wanted.items() if value is not None})

    async def finish(self) -> None:
        """Says that no more audio comes; the remaining events end with `Finished`."""
        self._command({"type": "finish"})
        self._ending = True

    def _command(self, command: dict[str, Any]) -> None:
        self._require_open()
        self._outbox.add_command(json.dumps(command, ensure_ascii=False))
        self._wake.set()

    def _require_open(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._ending or self._over or self._task is None:
            raise StreamClosed("the stream is not open for audio or commands")

    def _end_of_events(self) -> Event:
        if self._failure is not None:
            raise self._failure
        raise StopAsyncIteration

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while not self._finished:
                await self._connect_and_talk()
        except Exception as error:  # handed to whoever sends or iterates
            self._failure = error
        finally:
            self._over = True
            self._events.put_nowait(None)
            self._opened.set()
            self._room.set()

    async def _connect_and_talk(self) -> None:
        """One connection from dialling to its end. Raises when the stream cannot go on."""
        socket = await self._dial()
        loop = asyncio.get_running_loop()
        connected_at = loop.time()
        self._ready.clear()
        self._problem = None
        try:
            await self._talk(socket)
        finally:
            await socket.close()
        if self._finished:
            return
        fatal = fatal_error(socket.close_code, socket.close_reason, self._problem, resumable=self._session is not None)
        if fatal is not None:
            raise fatal
        now = loop.time()
        self._reconnection.lost(now, connected_for_s=now - connected_at)
        self._dialer.move_on()

    async def _dial(self) -> ClientConnection:
        """Dials until a server answers or patience ends; a stream's very first round tries each URL once."""
        loop = asyncio.get_running_loop()
        trouble: SottoClientError = Unreachable("the server keeps closing the connection")
        failures = 0
        while True:
            delay_s = self._reconnection.next_delay_s(loop.time())
            if delay_s is None:
                raise trouble
            await asyncio.sleep(delay_s)
            try:
                return await self._dialer.dial()
            except (Unreachable, Refused) as error:
                trouble = error
                failures += 1
            self._dialer.move_on()
            self._reconnection.lost(loop.time())
            if self._session is None and failures == len(self._dialer):
                raise trouble

    async def _talk(self, socket: ClientConnection) -> None:
        """Runs reader and writer until the connection ends, for whatever reason."""
        reader = asyncio.create_task(self._read(socket))
        writer = asyncio.create_task(self._write(socket))
        try:
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
            if not writer.done() or writer.result():
                await reader
        finally:
            reader.cancel()
            writer.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)

    async def _read(self, socket: ClientConnection) -> None:
        try:
            while not self._finished:
                self._receive(await socket.recv())
        except ConnectionClosed:
            return

    async def _write(self, socket: ClientConnection) -> bool:
        """Sends from the outbox for ever. False: the server did not answer; True: the connection is closed."""
        try:
            await socket.send(json.dumps(self._greeting(), ensure_ascii=False))
            try:
                async with asyncio.timeout(self._patience.answer_s):
                    await self._ready.wait()
            except TimeoutError:
                return False
            while True:
                payload = self._outbox.take()
                await socket.send(await self._wait_for_work() if payload is None else payload)
        except ConnectionClosed:
            return True

    async def _wait_for_work(self) -> str | bytes:
        while True:
            self._wake.clear()
            try:
                async with asyncio.timeout(self._patience.keepalive_s):  # 3.11's wait_for can lose a cancellation
                    await self._wake.wait()
            except TimeoutError:
                return '{"type":"ping"}'
            payload = self._outbox.take()
            if payload is not None:
                return payload

    def _greeting(self) -> dict[str, Any]:
        if self._session is not None:
            return {
                "type": "resume",
                "session": self._session.session,
                "resume_token": self._session.resume_token,
                "last_seq": self._last_seq,
            }
        return self._options.start_message()

    def _receive(self, message: str | bytes) -> None:
        event = parse_event(message)
        if isinstance(event, Problem) and event.id is None:
            self._problem = event  # of the connection, not of the stream: its seq says nothing
            return
        if event is None or event.seq <= self._last_seq:
            return
        self._problem = None
        self._last_seq = event.seq
        match event:
            case Started():
                self._session = event
                self._ready.set()
                self._opened.set()
            case Resumed():
                self._outbox.rewind(event.bytes)
                self._room.set()
                self._ready.set()
            case Acknowledged():
                self._outbox.acknowledge(event.bytes)
                self._room.set()
            case Finished():
                self._finished = True
        if not isinstance(event, Pong):
            self._events.put_nowait(event)
        if not isinstance(event, (Started, Resumed, Pong)):
            self._reconnection.settled()
