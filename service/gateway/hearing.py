"""Finds speech in the live streams of a gateway: what arrives at about the same time is heard together, on a thread."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from service.audio.endpointer import Endpointer, Mark
from service.audio.vad import FRAME, Floats, Pcm, SileroVad, VadState

GATHER_S = 0.01  # between two calls, so that many streams share one; the first after a quiet moment does not wait

Heard = tuple[Floats, VadState]


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    state: VadState
    pcm: Pcm
    heard: "asyncio.Future[Heard]"


class Hearing:
    """Voice activity detection for all live streams of a process. `run` must run."""

    def __init__(self, vad: SileroVad) -> None:
        self.vad = vad
        self._wishes: list[_Wish] = []
        self._arrived = asyncio.Event()

    async def listen(self, endpointer: Endpointer, pcm: Pcm) -> list[Mark]:
        """Marks decided by `pcm`: int16 [samples], 16 kHz mono, any length; the endpointer is fed with it.

        When it is cancelled or fails, the endpointer has not heard of `pcm`.
        """
        state = endpointer.vad_state
        if len(state.leftover) + len(pcm) < FRAME:
            return endpointer.feed(pcm)
        wish = _Wish(state, pcm, asyncio.get_running_loop().create_future())
        self._wishes.append(wish)
        self._arrived.set()
        return endpointer.judge(pcm, *await wish.heard)

    async def run(self) -> None:
        """Hears until cancelled."""
        clock = asyncio.get_running_loop().time
        with ThreadPoolExecutor(1, thread_name_prefix="hearing") as thread:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                wishes, self._wishes = self._wishes, []
                began = clock()
                await self._hear(wishes, thread)
                await asyncio.sleep(began + GATHER_S - clock())

    async def _hear(self, wishes: list[_Wish], thread: ThreadPoolExecutor) -> None:
        fed = [(wish.state, wish.pcm) for wish in wishes]
        try:
            heard = await asyncio.get_running_loop().run_in_executor(thread, self.vad.feed_all, fed)
        except Exception as error:  # whatever it is, the streams that wait must hear of it
            for wish in wishes:
                if not wish.heard.done():
                    wish.heard.set_exception(error)
            return
        for wish, each in zip(wishes, heard, strict=True):
            if not wish.heard.done():  # a stream may have gone meanwhile
                wish.heard.set_result(each)
