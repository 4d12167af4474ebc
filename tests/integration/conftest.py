"""Speech, a client, and what an undisturbed run says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
from sotto_client import Final, Finished, Stream, StreamOptions

from service.audio.container import read_file
from service.transcript import SAMPLE_RATE
from tests.conftest import DATA
from tests.stack import Stack

CHUNK = 3_200  # bytes: 100 ms
FOUR_UTTERANCES_S = 24.5  # of the demo


def speech(name: str = "demo.flac") -> bytes:
    """A shipped recording as 16 kHz s16le."""
    with (DATA / name).open("rb") as source:
        return np.concatenate(list(read_file(source, max_seconds=60))).astype("<i2").tobytes()


class Dictation:
    """One client's stream: sends in the background, collects finals, can be asked to wait for something."""

    def __init__(self, stream: Stream, audio: bytes, *, pace: float) -> None:
        self.finals: list[Final] = []
        self.seqs: list[int] = []
        self.finished: Finished | None = None
        self._stream = stream
        self._audio = audio
        self._pace = pace
        self._changed = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._receive())]

    async def _send(self) -> None:
        start = asyncio.get_running_loop().time()
        for at in range(0, len(self._audio), CHUNK):
            await self._stream.send_audio(self._audio[at : at + CHUNK])
            due = start + (at + CHUNK) / 32_000 / self._pace
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        await self._stream.finish()

    async def _receive(self) -> None:
        async for event in self._stream:
            async with self._changed:
                self.seqs.append(event.seq)
                if isinstance(event, Final):
                    self.finals.append(event)
                elif isinstance(event, Finished):
                    self.finished = event
                self._changed.notify_all()

    async def until_finals(self, count: int) -> None:
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: len(self.finals) >= count)

    async def done(self) -> list[str]:
        """The texts of all finals, once the stream has finished."""
        async with asyncio.timeout(120):
            await asyncio.gather(*self._tasks)
        assert self.finished is not None
        return [final.text for final in self.finals]

    async def abandon(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def dictating(
    urls: str | list[str], audio: bytes, *, pace: float = 3.0, interim: bool = True
) -> AsyncIterator[Dictation]:
    async with Stream(urls, StreamOptions(language="en", interim=interim)) as stream:
        dictation = Dictation(stream, audio, pace=pace)
        dictation.start()
        try:
            yield dictation
        finally:
            await dictation.abandon()


@pytest.fixture(scope="session")
def demo_speech() -> bytes:
    """Four utterances."""
    return speech()[: round(FOUR_UTTERANCES_S * SAMPLE_RATE) * 2]


@pytest.fixture(scope="session")
def undisturbed(live_server: str, demo_speech: bytes) -> list[str]:
    """The finals of the demo recording when nothing is broken."""

    async def run() -> list[str]:
        async with dictating(live_server, demo_speech) as dictation:
            return await dictation.done()

    texts = asyncio.run(run())
    assert len(texts) >= 4
    return texts


@pytest.fixture
def stack(base_model_dir: Path, tmp_path: Path) -> Iterator[Stack]:
    """A deployment of the test's own, to be broken."""
    stack = Stack(tmp_path, SOTTO_CLAIM_IDLE_MS="1000", SOTTO_DECODE_THREADS="1")
    try:
        yield stack
    finally:
        stack.close()
