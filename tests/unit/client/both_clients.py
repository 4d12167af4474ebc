"""The client with and without asyncio behind one face: a test says what is asked, and runs it by each transport."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from sotto_client import AsyncSottoClient, Event, Patience, SottoClient, StreamOptions

PIECE_BYTES = 3200

Ask = Callable[..., Awaitable[Any]]
StreamAll = Callable[..., Awaitable[list[Event]]]


async def ask_blocking(url: str, method: str, *values: Any, api_key: str | None = None, **wanted: Any) -> Any:
    def ask() -> Any:
        with SottoClient(url, api_key=api_key) as client:
            answer = getattr(client, method)(*values, **wanted)
            return list(answer) if isinstance(answer, Iterator) else answer

    return await asyncio.to_thread(ask)


async def ask_awaiting(url: str, method: str, *values: Any, api_key: str | None = None, **wanted: Any) -> Any:
    async with AsyncSottoClient(url, api_key=api_key) as client:
        answer = getattr(client, method)(*values, **wanted)
        return [each async for each in answer] if isinstance(answer, AsyncIterator) else await answer


TRANSPORTS: dict[str, Ask] = {"blocking": ask_blocking, "asyncio": ask_awaiting}


def pieces(audio: bytes) -> Iterator[bytes]:
    return (audio[start : start + PIECE_BYTES] for start in range(0, len(audio), PIECE_BYTES))


async def stream_awaiting(
    url: str,
    audio: bytes,
    options: StreamOptions | None = None,
    *,
    patience: Patience | None = None,
    api_key: str | None = None,
) -> list[Event]:
    client = AsyncSottoClient(url, api_key=api_key)
    async with client, client.live(options, patience=patience) as stream:
        for piece in pieces(audio):
            await stream.send_audio(piece)
        await stream.finish()
        return [event async for event in stream]


async def stream_blocking(
    url: str,
    audio: bytes,
    options: StreamOptions | None = None,
    *,
    patience: Patience | None = None,
    api_key: str | None = None,
) -> list[Event]:
    def stream_all() -> list[Event]:
        client = SottoClient(url, api_key=api_key)
        with client, client.live(options, patience=patience) as live:
            for piece in pieces(audio):
                live.send_audio(piece)
            live.finish()
            return list(live)

    return await asyncio.to_thread(stream_all)


async def stream_chunks(
    url: str,
    audio: bytes,
    options: StreamOptions | None = None,
    *,
    patience: Patience | None = None,
    api_key: str | None = None,
) -> list[Event]:
    def stream_all() -> list[Event]:
        with SottoClient(url, api_key=api_key) as client:
            return list(client.stream(pieces(audio), options, patience=patience))

    return await asyncio.to_thread(stream_all)


STREAMS: dict[str, StreamAll] = {"asyncio": stream_awaiting, "blocking": stream_blocking, "chunks": stream_chunks}
