"""Gateways beside the shared one, and a healthy stream that must not notice what happens next to it."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager

import httpx
import pytest
import redis
from sotto_client import Final, Finished, SpeechStarted, Stream, StreamOptions

from service.log.store import Keys
from tests.e2e.recordings import samples
from tests.stack import Stack

KEYS = Keys("sotto")
CHUNK = 6_400  # bytes: 200 ms
HEALTHY_BYTES = 21 * 16_000  # 10.5 s: two utterances and the silence behind them
HELD_BYTES = 3 * 32_000  # the end of the second utterance waits until the trouble is over

Gateways = Callable[..., AbstractContextManager[str]]
Neighbour = Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture(scope="session")
def gateways(live_stack: Stack, live_server: str) -> Gateways:
    """Starts another gateway of the shared deployment, with settings of its own, for the length of a block."""

    @contextlib.contextmanager
    def start(*, trust: ssl.SSLContext | None = None, **environment: str) -> Iterator[str]:
        process, url = live_stack.gateway(trust=trust, **environment)
        try:
            yield url
        finally:
            process.kill()

    return start


@pytest.fixture
def api(live_server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=live_server, timeout=120) as client:
        yield client


@pytest.fixture
def store(live_stack: Stack) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(live_stack.redis.url) as client:
        yield client


async def until(condition: Callable[[], object]) -> None:
    """Polls until it holds: what happens in another process sets no event here."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
def healthy_texts(live_server: str) -> list[str]:
    """The finals of the healthy stream when it is alone."""
    texts = asyncio.run(_healthy(live_server, asyncio.Event(), _trouble_over()))
    assert len(texts) == 2
    return texts


@pytest.fixture
def neighbour(live_server: str, healthy_texts: list[str]) -> Neighbour:
    """A block next to which a healthy stream runs: speech before and behind, finals as when it is alone."""

    @contextlib.asynccontextmanager
    async def beside() -> AsyncIterator[None]:
        speaking, over = asyncio.Event(), asyncio.Event()
        stream = asyncio.create_task(_healthy(live_server, speaking, over))
        try:
            await asyncio.wait((stream, asyncio.ensure_future(speaking.wait())), return_when="FIRST_COMPLETED")
            yield
            over.set()
            async with asyncio.timeout(120):
                assert await stream == healthy_texts
        finally:
            stream.cancel()
            await asyncio.gather(stream, return_exceptions=True)

    return beside


def _trouble_over() -> asyncio.Event:
    over = asyncio.Event()
    over.set()
    return over


async def _healthy(url: str, speaking: asyncio.Event, over: asyncio.Event) -> list[str]:
    """Streams the beginning of the demo, its end once `over` is set; the texts of the finals."""
    audio = samples("demo").tobytes()[:HEALTHY_BYTES]
    finals: list[str] = []

    async def receive(stream: Stream) -> None:
        async for event in stream:
            if isinstance(event, SpeechStarted):
                speaking.set()
            elif isinstance(event, Final):
                finals.append(event.text)
            elif isinstance(event, Finished):
                return

    async with Stream(url, StreamOptions(language="en")) as stream:
        receiver = asyncio.create_task(receive(stream))
        try:
            for at in range(0, len(audio), CHUNK):
                if at >= len(audio) - HELD_BYTES:
                    await over.wait()
                await stream.send_audio(audio[at : at + CHUNK])
                await asyncio.sleep(CHUNK / 32_000 / 5)
            await stream.finish()
            await receiver
        finally:
            receiver.cancel()
            await asyncio.gather(receiver, return_exceptions=True)
    return finals
