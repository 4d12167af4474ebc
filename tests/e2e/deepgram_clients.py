"""Deepgram's own SDK, pointed at a gateway."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from deepgram import AsyncDeepgramClient, DeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.types import ListenV1Metadata, ListenV1Results
from websockets.exceptions import ConnectionClosed

from service.audio.pcm import Int16

FRAME = 6_400  # bytes
WAIT_S = 60.0
PCM: dict[str, Any] = {"model": "nova-3", "encoding": "linear16", "sample_rate": 16_000}


def environment(url: str) -> DeepgramClientEnvironment:
    socket = url.replace("http", "ws", 1)
    return DeepgramClientEnvironment(base=url, production=socket, agent=socket, agent_rest=url)


def sync_client(url: str, key: str = "any", **credentials: str) -> DeepgramClient:
    return DeepgramClient(environment=environment(url), **(credentials or {"api_key": key}), timeout=120)


def async_client(url: str, key: str = "any", **credentials: str) -> AsyncDeepgramClient:
    return AsyncDeepgramClient(environment=environment(url), **(credentials or {"api_key": key}), timeout=120)


@dataclass
class Listening:
    """One connection of the SDK. `seen` holds every message in order of arrival."""

    socket: Any
    seen: list[Any] = field(default_factory=list)

    async def audio(self, data: bytes | Int16, *, frame: int = FRAME, pace: float | None = None) -> None:
        """Sends s16le or encoded bytes in frames; `pace`: times real time of 16 kHz PCM, None for at once."""
        raw = data if isinstance(data, bytes) else data.astype("<i2").tobytes()
        for at in range(0, len(raw), frame):
            await self.socket.send_media(raw[at : at + frame])
            if pace:
                await asyncio.sleep(frame / 32_000 / pace)

    async def next(self, within_s: float = WAIT_S) -> Any:
        """The next message. Raises ConnectionClosed, TimeoutError."""
        message = await asyncio.wait_for(self.socket.recv(), within_s)
        self.seen.append(message)
        return message

    async def until(self, type: str, **fields: Any) -> Any:
        """The next message of a type with those values, having read all before it."""
        while True:
            message = await self.next()
            if message.type == type and all(getattr(message, name) == value for name, value in fields.items()):
                return message

    async def to_the_end(self) -> list[Any]:
        """Everything that was seen, once the server has closed."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.next()
        return self.seen

    async def close(self) -> list[Any]:
        await self.socket.send_close_stream()
        return await self.to_the_end()

    def vanish(self) -> None:
        """Cuts the connection without a word."""
        self.socket._websocket.transport.abort()

    @property
    def ended(self) -> tuple[int | None, str]:
        """Code and reason of the close."""
        return self.socket._websocket.close_code, self.socket._websocket.close_reason or ""


@contextlib.asynccontextmanager
async def listening(url: str, **query: Any) -> AsyncIterator[Listening]:
    async with async_client(url).listen.v1.connect(**({"model": "nova-3"} | query)) as socket:
        yield Listening(socket)


async def heard(url: str, audio: bytes | Int16, **query: Any) -> list[Any]:
    """All messages of a stream of that audio, sent at once."""
    async with listening(url, **query) as stream:
        await stream.audio(audio)
        return await stream.close()


def results(messages: Sequence[Any], channel: int | None = None) -> list[ListenV1Results]:
    """The Results, of one channel or all."""
    found = [message for message in messages if isinstance(message, ListenV1Results)]
    return [each for each in found if channel is None or each.channel_index[0] == channel]


def finals(messages: Sequence[Any], channel: int | None = None) -> list[ListenV1Results]:
    return [result for result in results(messages, channel) if result.is_final]


def transcript(message: ListenV1Results) -> str:
    return message.channel.alternatives[0].transcript


def text(messages: Sequence[Any], channel: int | None = None) -> str:
    """What was said, by the finals."""
    return " ".join(filter(None, map(transcript, finals(messages, channel))))


def summary(messages: Sequence[Any]) -> ListenV1Metadata:
    """The one Metadata, which comes last."""
    [*_, last] = messages
    assert isinstance(last, ListenV1Metadata)
    assert not any(isinstance(message, ListenV1Metadata) for message in messages[:-1])
    return last
