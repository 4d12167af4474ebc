"""Thousands of simulated streams over real Redis and real workers: is the order of finals kept, is nobody forgotten,
how long after a worker's death does its work come back, and what would a fleet of such workers hold.

Real: Redis with all scripts, the session log as a gateway writes it, turn queues, worker processes with their loop,
claims, batches and publishing. Scripted: the decoder, which sleeps as long as a cost model says. Left out: sockets,
voice activity detection, and audio as it comes: an utterance is written at once, and without captions, unless
`--captions` has it written second by second in real time with a caption asked for at each.

    python -m loadtest.simulate --streams 5000 --costs loadtest/costs/base-cpu.json --workers 2 --slots 48
"""

import argparse
import asyncio
import contextlib
import gc
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median

import numpy as np
from rich.console import Console
from rich.table import Table

from loadtest.histogram import Histogram, histogram
from loadtest.processes import ProcessSampler, machine_cpu_s, own_cpu_s
from loadtest.stack import Workers, simulated
from service import event_loop
from service.audio.endpointer import Endpoint, Mark, SpeechStarted
from service.gateway.writer import SessionWriter
from service.log.event_log import EventLog
from service.log.sessions import Sessions, new_id
from service.log.store import Store
from service.log.tasks import cancel_tasks
from service.log.turns import Turn
from service.log.wake import Waker
from service.settings import Settings
from service.transcript import SAMPLE_RATE

FAIRNESS = 3.0  # times the median that a session may wait
RECOVERY_S = 5.0
SAID_S = (1.5, 5.0)  # length of an utterance, uniform
PATIENCE_S = 60.0
TTL_S = 600


@dataclass(frozen=True, slots=True)
class Pace:
    """`streams` speak an utterance every `every_s` seconds on average, for `seconds`, where `captions` second by
    second with a partial each, else at once."""

    streams: int
    every_s: float
    seconds: float
    captions: bool = False
    seed: int = 1


@dataclass(slots=True)
class Heard:
    """What came of one session. `asked_at` and `came_at`: monotonic seconds by utterance."""

    asked_at: dict[int, float] = field(default_factory=dict)
    came_at: dict[int, float] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)

    @property
    def wait_by_utterance(self) -> dict[int, float]:
        return {utterance: came - self.asked_at[utterance] for utterance, came in self.came_at.items()}

    @property
    def waits_s(self) -> list[float]:
        return list(self.wait_by_utterance.values())

    def outstanding_at(self, moment: float | None) -> dict[int, float]:
        """Utterances whose finals were asked for before and came later, and how much later."""
        if moment is None:
            return {}
        return {n: came - moment for n, came in self.came_at.items() if self.asked_at[n] <= moment < came}


@dataclass(frozen=True, slots=True)
class Judgement:
    """`fairness`: the longest mean wait of a session, in medians of all; `worst_wait`: the longest single one.
    `recovery_s`: from a worker's death to the last final that was outstanding then; None when none died. Finals that
    were outstanding then count for it, and not for fairness."""

    finals: int
    lost: int
    disordered: int
    repeated: int
    waits: Histogram
    fairness: float
    worst_wait: float
    recovery_s: float | None

    @property
    def breaches(self) -> list[str]:
        found = []
        for name in ("lost", "disordered", "repeated"):
            if count := getattr(self, name):
                found.append(f"{count} finals {name}")
        if self.fairness > FAIRNESS:
            found.append(f"a session waited {self.fairness:.1f} times the median")
        if self.recovery_s is not None and self.recovery_s >= RECOVERY_S:
            found.append(f"recovery took {self.recovery_s:.1f} s")
        return found


def judge(sessions: Iterable[Heard], killed_at: float | None = None) -> Judgement:
    """Pure. Sessions that asked for nothing do not count."""
    asked = [heard for heard in sessions if heard.asked_at]
    waits = [wait for heard in asked for wait in heard.waits_s]
    interrupted = [heard.outstanding_at(killed_at) for heard in asked]
    usual = [
        [wait for utterance, wait in heard.wait_by_utterance.items() if utterance not in spared]
        for heard, spared in zip(asked, interrupted, strict=True)
    ]
    means = [mean(of_session) for of_session in usual if of_session]
    middle = median(means) if means else 0.0
    worst = max((wait for of_session in usual for wait in of_session), default=0.0)
    return Judgement(
        finals=len(waits),
        lost=sum(len(heard.asked_at) - len(heard.came_at) for heard in asked),
        disordered=sum(
            later < earlier for heard in asked for earlier, later in zip(heard.order, heard.order[1:], strict=False)
        ),
        repeated=sum(len(heard.order) - len(set(heard.order)) for heard in asked),
        waits=histogram(waits),
        fairness=max(means) / middle if middle else 0.0,
        worst_wait=worst / median(waits) if waits else 0.0,
        recovery_s=None if killed_at is None else max((s for one in interrupted for s in one.values()), default=0.0),
    )


class SimulatedStream:
    """One session, written as a gateway writes it and followed as a gateway follows it."""

    def __init__(self, store: Store, sessions: Sessions, waker: Waker, pace: Pace, number: int, model: str) -> None:
        self.heard = Heard()
        self._came = asyncio.Event()
        self._store = store
        self._sessions = sessions
        self._waker = waker
        self._pace = pace
        self._rng = random.Random(f"{pace.seed}/{number}")
        self._id, self._owner = new_id("s"), f"simulated/{number}"
        self._writer = SessionWriter(store, sessions, self._id, self._owner, kind="final", model=model, traced=False)

    async def open(self) -> None:
        await self._sessions.create(
            self._id,
            owner=self._owner,
            wake=self._waker.channel,
            token="t",
            options={"language": "en"},
            first={"type": "started"},
        )

    async def run(self, ends_at: float) -> None:
        """Speaks until then and waits for its finals."""
        listening = asyncio.create_task(self._listen())
        try:
            await asyncio.sleep(self._rng.uniform(0, self._pace.every_s))
            while time.monotonic() < ends_at:
                await self._say(len(self.heard.asked_at))
                await asyncio.sleep(self._rng.uniform(0.5, 1.5) * self._pace.every_s)
            with contextlib.suppress(TimeoutError):  # what is missing then is counted as lost
                async with asyncio.timeout(PATIENCE_S):
                    while len(self.heard.came_at) < len(self.heard.asked_at):
                        self._came.clear()
                        await self._came.wait()
        finally:
            await cancel_tasks([listening])

    async def _say(self, utterance: int) -> None:
        length = round(self._rng.uniform(*SAID_S) * SAMPLE_RATE)
        start, end = self._writer.samples, self._writer.samples + length
        piece = SAMPLE_RATE if self._pace.captions else length // 2
        marks: list[Mark] = [SpeechStarted(utterance, start)]
        while self._writer.samples + piece < end:
            await self._write(piece, marks, open_start=start)
            marks = []
            if self._pace.captions:
                await self._ask_for_caption(utterance, start)
                await asyncio.sleep(piece / SAMPLE_RATE)
        self.heard.asked_at[utterance] = time.monotonic()
        await self._write(end - self._writer.samples, [*marks, Endpoint(utterance, start, end, end)])

    async def _ask_for_caption(self, utterance: int, start: int) -> None:
        if await self._sessions.request_partial(self._id, self._owner, utterance) == "ok":
            await self._writer.enqueue(Turn("partial", self._id, utterance, start, None, None, {"language": "en"}))

    async def _write(self, samples: int, marks: list[Mark], *, open_start: int | None = None) -> None:
        pcm = np.zeros(samples, np.int16)
        await self._writer.write(pcm, marks, options_of=lambda _: {"language": "en"}, ack=True, open_start=open_start)

    async def _listen(self) -> None:
        log, bell, after = EventLog(self._store, self._id), self._waker.listen(self._id), 0
        while True:
            await bell.wait()
            bell.clear()
            for event in await log.after(after):
                after = event["seq"]
                if event["type"] == "final":
                    utterance = int(event["id"].rsplit(".", 1)[1])
                    self.heard.came_at.setdefault(utterance, time.monotonic())
                    self.heard.order.append(utterance)
                    self._came.set()


async def speak(redis_url: str, pace: Pace, victim: int | None) -> tuple[list[Heard], float | None]:
    """All streams to their end; a worker is killed halfway. Returns what they heard and when the worker died."""
    settings = Settings()
    store = Store(redis_url, prefix=settings.key_prefix)
    sessions, waker = Sessions(store, resume_ttl_s=TTL_S), Waker(store, "simulated")
    waking = asyncio.create_task(waker.run())
    streams = [SimulatedStream(store, sessions, waker, pace, number, settings.model) for number in range(pace.streams)]
    killed_at = None
    try:
        for stream in streams:
            await stream.open()
        gc.freeze()  # thousands of streams, among which a collection would look for a tenth of a second
        ends_at = time.monotonic() + pace.seconds
        running = asyncio.gather(*(stream.run(ends_at) for stream in streams))
        if victim is not None:
            await asyncio.sleep(pace.seconds / 2)
            os.kill(victim, signal.SIGKILL)
            killed_at = time.monotonic()
        await running
    finally:
        await cancel_tasks([waking])
        await store.close()
    return [stream.heard for stream in streams], killed_at


def show(judged: Judgement, pace: Pace, wall_s: float, cores: dict[str, float]) -> None:
    table = Table(title=f"{pace.streams} streams, an utterance every {pace.every_s:g} s each", title_justify="left")
    table.add_column("what")
    table.add_column("", justify="right")
    rows = {"finals": f"{judged.finals}", "finals a second": f"{judged.finals / wall_s:.0f}"}
    for percent in (50, 95, 99):
        wait_s = judged.waits.percentile(percent)
        rows[f"endpoint to final p{percent}"] = "-" if wait_s is None else f"{1000 * wait_s:.0f} ms"
    rows |= {
        "lost, out of order, twice": f"{judged.lost}, {judged.disordered}, {judged.repeated}",
        "longest mean wait of a session": f"{judged.fairness:.2f} medians",
        "longest single wait": f"{judged.worst_wait:.2f} medians",
    }
    if judged.recovery_s is not None:
        rows["recovery after the kill of a worker"] = f"{judged.recovery_s:.2f} s"
    rows |= {f"cores: {role}": f"{used:.2f}" for role, used in cores.items()}
    for name, value in rows.items():
        table.add_row(name, value)
    Console(highlight=False).print(table)


def main() -> int:
    arguments = _arguments()
    pace = Pace(arguments.streams, arguments.every_s, arguments.seconds, arguments.captions)
    workers = Workers.scripted(
        arguments.costs, count=arguments.workers, slots=arguments.slots, max_batch=arguments.max_batch
    )
    with simulated(workers) as server:
        sampler = ProcessSampler(server.pids)
        sampler.sample()
        before_s, own_s, started = machine_cpu_s(), own_cpu_s(), time.monotonic()
        victim = server.pids[-1] if arguments.kill else None
        heard, killed_at = event_loop.run(speak(server.redis_url, pace, victim))
        wall_s = time.monotonic() - started
        sampler.sample()
        cores = {role: use.cpu_s / wall_s for role, use in sampler.use().items()}
        cores["this script"] = (own_cpu_s() - own_s) / wall_s
        cores["everything on this machine"] = (machine_cpu_s() - before_s) / wall_s
    judged = judge(heard, killed_at)
    show(judged, pace, wall_s, cores)
    for breach in judged.breaches:
        print(f"broken: {breach}")
    if arguments.json:
        figures = {"waits": judged.waits.dump(), "fairness": judged.fairness, "recovery_s": judged.recovery_s}
        arguments.json.write_text(json.dumps(figures | {"cores": cores, "breaches": judged.breaches}, indent=1) + "\n")
    return 1 if judged.breaches else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=5000)
    parser.add_argument("--every-s", type=float, default=20.0, help="mean time between two utterances of a stream")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--captions", action="store_true", help="speak second by second, with a caption of each")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--slots", type=int, default=0, help="of each; as many as the cost model's by default")
    parser.add_argument("--max-batch", type=int, default=0)
    parser.add_argument("--costs", type=Path, help="cost model; without one decoding takes no time")
    parser.add_argument("--kill", action="store_true", help="kill -9 a worker halfway")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
