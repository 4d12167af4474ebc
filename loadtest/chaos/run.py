"""One run: the undisturbed pass, faults under load, the end of everything that was begun, and what is left."""

import asyncio
import contextlib
import os
import random
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from loadtest.chaos import leftovers
from loadtest.chaos.deployment import Deployment
from loadtest.chaos.faults import FAULTS, Unreachable, draw
from loadtest.chaos.ledger import Ledger
from loadtest.chaos.load import Load
from loadtest.chaos.machines import network
from loadtest.chaos.report import Growth, Injected, Outcome, slope
from loadtest.chaos.stores import LOOK_S, Stores, find_binary, until
from loadtest.corpus import SpokenStream, build_streams, load_manifest
from service.log.private import find_server
from service.log.sessions import FINISHED_TTL_S
from service.settings import Settings

SPOKEN_S = 9.0
SCRIPTS = 6
SAMPLE_S = 2.0
LONGEST_RECOVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """`faults`: how many; without any it is a soak of `seconds`. `storm`: the next fault comes `gap_s` after the last
    whether everybody is served again or not; else as long after that. `kinds`: the only ones."""

    faults: int
    seed: int
    manifest: Path
    streams: int = 6
    seconds: float = 0.0
    gap_s: tuple[float, float] = (0.1, 0.6)
    storm: bool = False
    kinds: tuple[str, ...] = ()
    server: str = ""
    fsync: str = "everysec"
    real: bool = False
    namespaces: bool = True
    speed: float = 1.0
    folder: Path | None = None  # for the logs of all processes, which else are not kept
    expiry: bool = True  # wait until finished sessions have expired


async def run(plan: Plan, stopping: asyncio.Event | None = None) -> Outcome:
    """`stopping`: breaks nothing more, and tells of what was done so far.

    Raises RuntimeError when the undisturbed run is not in order, FileNotFoundError without the server asked for."""
    binary = find_binary(plan.server) if plan.server else find_server()
    spoken = build_streams(load_manifest(plan.manifest, "en"), count=SCRIPTS, seconds=SPOKEN_S, seed=plan.seed)
    with contextlib.ExitStack() as stack:
        folder = plan.folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="sotto-chaos-"))
        machines = network(wanted=plan.namespaces)
        stores = Stores(machines, Path(folder), binary=binary, fsync=plan.fsync)
        # a storm may kill the workers of one turn more often than a turn that kills its workers is tried
        deliveries = 100 if plan.storm else 3
        deployment = Deployment(machines, Path(folder), stores, real=plan.real, max_deliveries=deliveries)
        try:
            await deployment.start()
            machine = Run(plan, deployment, Path(binary).name, machines.reason, stopping or asyncio.Event())
            return await machine.through(spoken)
        finally:
            await deployment.close()


class Run:
    def __init__(
        self, plan: Plan, deployment: Deployment, server: str, no_network: str, stopping: asyncio.Event
    ) -> None:
        self._plan = plan
        self._deployment = deployment
        self._stopping = stopping
        self._ledger = Ledger()
        self._outcome = Outcome(
            seed=plan.seed,
            server=server,
            fsync=plan.fsync,
            decoder="base model" if plan.real else "scripted decoder",
            network=f"loopback ({no_network})" if no_network else "network namespaces",
            seconds=0.0,
            load_average=0.0,
        )
        self._use: dict[str, list[tuple[float, int, int]]] = {}
        self._started = 0.0

    async def through(self, spoken: list[SpokenStream]) -> Outcome:
        plan, outcome = self._plan, self._outcome
        load = Load(self._deployment.urls, "chaos", self._ledger, speed=plan.speed)
        scripts = await load.learn(spoken)
        self._started = time.monotonic()
        load.start(scripts, streams=plan.streams, seed=plan.seed)
        sampling = asyncio.create_task(self._sample())
        try:
            if plan.faults:
                await self._break()
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), plan.seconds)
            outcome.seconds = time.monotonic() - self._started
            await load.stop()
        finally:
            sampling.cancel()
            await asyncio.gather(sampling, return_exceptions=True)
        await self._look_behind()
        self._conclude()
        return outcome

    # ---- breaking

    async def _break(self) -> None:
        plan, outcome = self._plan, self._outcome
        missing = {kind: fault.missing(self._deployment) for kind, fault in FAULTS.items()}
        wanted = [kind for kind in FAULTS if not plan.kinds or kind in plan.kinds]
        outcome.skipped = {kind: missing[kind] for kind in wanted if missing[kind]}
        rng = random.Random(f"{plan.seed}/faults")
        for kind in draw([kind for kind in wanted if not missing[kind]], plan.faults, plan.seed):
            if self._stopping.is_set():
                return
            await asyncio.sleep(rng.uniform(*plan.gap_s))
            await self._inject(kind, rng)

    async def _inject(self, kind: str, rng: random.Random) -> None:
        self._ledger.last_fault = f"{kind} #{len(self._outcome.faults)}"
        begun = time.monotonic()
        try:
            async with asyncio.timeout(LONGEST_RECOVERY_S):
                detail = await FAULTS[kind].inject(self._deployment, rng)
        except Unreachable as error:  # in a storm, what is to be broken may be broken already
            detail = f"could not be done: {error}"
        over = time.monotonic()
        recovery_s = None if self._plan.storm else await self._recovery(over)
        fault = Injected(kind, detail, begun - self._started, over - begun, recovery_s)
        self._outcome.faults.append(fault)
        told = "" if recovery_s is None else f", served again after {recovery_s:.1f} s"
        print(f"{fault.at_s:7.1f} s  {len(self._outcome.faults):4}  {kind}: {detail}{told}", flush=True)

    async def _recovery(self, since: float) -> float | None:
        while not self._ledger.all_served_since(since):
            if time.monotonic() - since > LONGEST_RECOVERY_S:
                self._ledger.accuse(time.monotonic(), "deployment", f"not served in {LONGEST_RECOVERY_S:.0f} s")
                return None
            await asyncio.sleep(LOOK_S)
        return time.monotonic() - since

    # ---- watching

    async def _sample(self) -> None:
        while True:
            now = time.monotonic() - self._started
            for service in self._deployment.everything:
                if use := service.use():
                    self._use.setdefault(f"{service.name}, start {service.starts}", []).append((now, *use))
            await asyncio.sleep(SAMPLE_S)

    async def _look_behind(self) -> None:
        """What Redis holds when everybody is done."""
        redis = (await self._deployment.stores.master()).client
        space = Settings().key_prefix

        async def nobody_waits() -> bool:
            return not await leftovers.in_queues(redis, space)

        with contextlib.suppress(TimeoutError):
            await until(nobody_waits, "the queues are empty")
        for left in await leftovers.in_queues(redis, space) + await leftovers.of_sessions(redis, space):
            self._ledger.accuse(time.monotonic(), "Redis", f"left behind: {left}")
        if self._plan.expiry:
            await asyncio.sleep(FINISHED_TTL_S + 2)
            if left_sessions := await leftovers.alive_sessions(redis, space):
                self._ledger.accuse(time.monotonic(), "Redis", f"{left_sessions} sessions have not expired")
        self._outcome.consumers = await leftovers.consumers(redis, space)

    def _conclude(self) -> None:
        outcome, ledger = self._outcome, self._ledger
        for service in self._deployment.everything:
            for status in service.ended:
                ledger.accuse(time.monotonic(), service.name, f"ended by itself with status {status}")
        outcome.load_average = os.getloadavg()[2]
        outcome.counts = dict(ledger.counts) | {"finals": len(ledger.finals_s)}
        outcome.violations = [replace(each, at=each.at - self._started) for each in ledger.violations]
        quarter = max(1, len(ledger.finals_s) // 4)
        waits = [took_s for _, took_s in sorted(ledger.finals_s)]
        if waits:
            outcome.finals_first_s = sorted(waits[:quarter])[quarter // 2]
            outcome.finals_last_s = sorted(waits[-quarter:])[quarter // 2]
        if not self._plan.faults:
            outcome.growth = [_growth(name, rows) for name, rows in sorted(self._use.items()) if len(rows) > 1]


def _growth(name: str, rows: list[tuple[float, int, int]]) -> Growth:
    """The slope is that of the second half: what a process fills once is not growth."""
    late = rows[len(rows) // 2 :]
    rss_slope = slope([(at, rss) for at, rss, _ in late]) * 3600
    return Growth(name, rows[0][1], rows[-1][1], rss_slope, rows[0][2], rows[-1][2])
