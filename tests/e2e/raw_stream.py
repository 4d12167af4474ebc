"""`/v1/stream` spoken by hand: nothing that the server does wrong is mended by a client library."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from service.audio.pcm import Int16
from service.transcript import SAMPLE_RATE

Event = dict[str, Any]
WAIT_S = 60.0


class RawStream:
    """One connection. `seen` holds every event in order of arrival."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen: list[Event] = []

    async def say(self, type: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def audio(self, data: bytes | Int16, *, frame: int = 6_400, pace: float | None = None) -> None:
        """Sends s16le or encoded bytes in frames; `pace`: times real time of 16 kHz PCM, None for at once."""
        raw = data if isinstance(data, bytes) else data.astype("<i2").tobytes()
        for at in range(0, len(raw), frame):
            await self.socket.send(raw[at : at + frame])
            if pace:
                await asyncio.sleep(frame / (2 * SAMPLE_RATE) / pace)

    async def next(self) -> Event:
        """The next event. Raises ConnectionClosed."""
        event: Event = json.loads(await asyncio.wait_for(self.socket.recv(), WAIT_S))
        self.seen.append(event)
        return event

    async def until(self, type: str) -> Event:
        """The next event of a type, having read all before it."""
        while (event := await self.next())["type"] != type:
            assert event["type"] != "error", event
        return event

    async def to_the_end(self) -> list[Event]:
        """Everything that was seen, once the server has closed."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.next()
        return self.seen

    def of(self, type: str) -> list[Event]:
        return [event for event in self.seen if event["type"] == type]

    @property
    def close_code(self) -> int | None:
        return self.socket.close_code

    def vanish(self) -> None:
        """Cuts the connection without a word."""
        self.socket.transport.abort()


@contextlib.asynccontextmanager
async def connected(url: str, *, key: str | None = None) -> AsyncIterator[RawStream]:
    """A connection on which nothing was said yet; it is cut at the end of the block."""
    address = url.replace("http", "ws", 1) + "/v1/stream"
    headers = {"Authorization": f"Bearer {key}"} if key else None
    async with connect(
        address, additional_headers=headers, compression=None, proxy=None, max_size=None, max_queue=None
    ) as socket:
        stream = RawStream(socket)
        try:
            yield stream
        finally:
            stream.vanish()


@contextlib.asynccontextmanager
async def started(url: str, *, key: str | None = None, **fields: Any) -> AsyncIterator[RawStream]:
    """A stream that was answered with `started`; English unless told otherwise."""
    async with connected(url, key=key) as stream:
        await stream.say("start", **({"language": "en"} | fields))
        await stream.until("started")
        yield stream
