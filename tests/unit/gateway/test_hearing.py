"""Streams that are heard together get the marks that each would get alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from service.audio.container import read_file
from service.audio.endpointer import Endpointer, EndpointerOptions, Mark
from service.audio.vad import Floats, Pcm, SileroVad, VadState
from service.gateway.hearing import Hearing
from service.log.tasks import cancel_tasks

SPEECH = Path(__file__).parents[2] / "data" / "human-en-conf-invalid.flac"
STEP = 1_600


class CountingVad(SileroVad):
    """Notes how many streams each call has; fails while told to."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []
        self.fails = False

    def feed_all(self, fed: Sequence[tuple[VadState, Pcm]]) -> list[tuple[Floats, VadState]]:
        self.calls.append(len(fed))
        if self.fails:
            raise MemoryError("no memory")
        return super().feed_all(fed)


@pytest.fixture(scope="module")
def speech() -> Pcm:
    with SPEECH.open("rb") as source:
        return np.concatenate(list(read_file(source, max_seconds=60)))


@pytest.fixture
async def hearing() -> AsyncIterator[Hearing]:
    hearing = Hearing(CountingVad())
    running = asyncio.create_task(hearing.run())
    yield hearing
    await cancel_tasks((running,))


def calls_of(hearing: Hearing) -> list[int]:
    assert isinstance(hearing.vad, CountingVad)
    return hearing.vad.calls


async def said(hearing: Hearing, pcm: Pcm, step: int) -> list[Mark]:
    endpointer = Endpointer(hearing.vad, EndpointerOptions())
    marks: list[Mark] = []
    for at in range(0, len(pcm), step):
        marks += await hearing.listen(endpointer, pcm[at : at + step])
    return marks


async def test_many_streams_are_heard_in_few_calls_and_each_as_alone(hearing: Hearing, speech: Pcm) -> None:
    steps = [1_600 + 160 * number for number in range(8)]
    pieces = -(-len(speech) // steps[0])
    together = await asyncio.gather(*(said(hearing, speech, step) for step in steps))
    assert len(calls_of(hearing)) <= pieces + len(steps)
    for marks, step in zip(together, steps, strict=True):
        endpointer = Endpointer(hearing.vad, EndpointerOptions())
        alone = [mark for at in range(0, len(speech), step) for mark in endpointer.feed(speech[at : at + step])]
        assert marks == alone
    assert together[0]


async def test_less_than_a_frame_waits_for_no_call(speech: Pcm) -> None:
    nobody_hears = Hearing(SileroVad())
    endpointer = Endpointer(nobody_hears.vad, EndpointerOptions())
    assert await nobody_hears.listen(endpointer, speech[:300]) == []
    assert endpointer.samples == 300


async def test_a_stream_that_goes_takes_nobody_along(hearing: Hearing, speech: Pcm) -> None:
    endpointer = Endpointer(hearing.vad, EndpointerOptions())
    leaving = asyncio.create_task(hearing.listen(endpointer, speech[:STEP]))
    staying = asyncio.create_task(said(hearing, speech, STEP))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying
    assert endpointer.samples == 0


async def test_a_failure_is_told_to_all_that_wait_and_to_nobody_after(hearing: Hearing, speech: Pcm) -> None:
    assert isinstance(hearing.vad, CountingVad)
    hearing.vad.fails = True
    failed = await asyncio.gather(*(said(hearing, speech, STEP) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in failed] == [MemoryError] * 3
    hearing.vad.fails = False
    assert await said(hearing, speech, STEP)
