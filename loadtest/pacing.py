"""Sends audio when a microphone would have."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field


@dataclass
class Pacer:
    """Hands chunks on at the moment their last byte would have been recorded, times `speed`.

    `started_at` is the clock's time of the first sample and `lateness_s` says, per chunk, how much later than due it
    was handed on: the sender's own fault, so a load generator at its limits shows here. A slow consumer does not
    shift the schedule: what is overdue goes out at once.
    """

    bytes_per_second: float
    speed: float = 1.0
    clock: Callable[[], float] | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    started_at: float | None = None
    lateness_s: list[float] = field(default_factory=list)
    given: float = 0.0

    async def pace(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            await self.wait(len(chunk))
            yield chunk

    async def wait(self, amount: float) -> None:
        """Waits until so many bytes more would have been recorded."""
        clock = self.clock or asyncio.get_running_loop().time
        if self.started_at is None:
            self.started_at = clock()
        self.given += amount
        due = self.started_at + self.given / self.bytes_per_second / self.speed
        if (left := due - clock()) > 0:
            await self.sleep(left)
        self.lateness_s.append(max(0.0, clock() - due))
