from collections.abc import AsyncIterator

import pytest

from loadtest.pacing import Pacer


class Clock:
    """Time that passes only by sleeping, and by what a test adds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def chunks(*sizes: int) -> AsyncIterator[bytes]:
    for size in sizes:
        yield bytes(size)


async def test_chunks_go_out_when_their_last_byte_would_have_been_recorded() -> None:
    clock = Clock()
    pacer = Pacer(100, clock=clock, sleep=clock.sleep)
    moments = [clock.now - 100 async for _ in pacer.pace(chunks(10, 20, 100))]
    assert moments == pytest.approx([0.1, 0.3, 1.3])
    assert pacer.lateness_s == pytest.approx([0, 0, 0], abs=1e-9)


async def test_speed_divides_time() -> None:
    clock = Clock()
    pacer = Pacer(100, speed=4, clock=clock, sleep=clock.sleep)
    assert [clock.now - 100 async for _ in pacer.pace(chunks(200, 200))] == pytest.approx([0.5, 1.0])


async def test_slow_consumer_is_noted_and_does_not_shift_the_schedule() -> None:
    clock = Clock()
    pacer = Pacer(100, clock=clock, sleep=clock.sleep)
    moments = []
    async for _ in pacer.pace(chunks(100, 100, 100, 100)):
        moments.append(clock.now - 100)
        if len(moments) == 1:
            clock.now += 1.7
    assert moments == pytest.approx([1.0, 2.7, 3.0, 4.0])
    assert pacer.lateness_s == pytest.approx([0, 0.7, 0, 0], abs=1e-9)
