"""A run from outside: the clients as processes, and what the server's processes use meanwhile."""

import multiprocessing
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from loadtest.figures import Figures, merged
from loadtest.load import Shard, Target, run_shard
from loadtest.processes import ProcessSampler, ProcessUse, machine_cpu_s
from loadtest.scenario import Scenario

SAMPLE_INTERVAL_S = 1.0
LEAD_S = 1.0  # between the moment all is built and the run's second 0


@dataclass(frozen=True, slots=True)
class Run:
    """What one call measured. `machine_cpu_s`: of all processes of this machine."""

    figures: Figures
    wall_s: float
    machine_cpu_s: float
    processes: Mapping[str, ProcessUse]


def measure(
    scenario: Scenario,
    target: Target,
    *,
    manifest: Path,
    shard: Shard | None = None,
    processes: int = 1,
    pids: Sequence[int] = (),
    starts_at: float | None = None,
) -> Run:
    """Runs the shard's clients in so many processes. `starts_at`: Unix time at which all shards of a run begin.

    Raises BadRequest for a manifest or protocol that cannot be used, and what a process raises.
    """
    begin = starts_at or time.time() + LEAD_S + build_s(scenario)
    whole = shard or Shard()
    sampler = ProcessSampler(pids)
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        parts = [
            pool.submit(run_shard, scenario, target, manifest, whole.part(number, processes), begin)
            for number in range(processes)
        ]
        while time.time() < begin and not any(part.done() for part in parts):
            time.sleep(0.05)
        before_s, started = machine_cpu_s(), time.monotonic()
        while wait(parts, timeout=SAMPLE_INTERVAL_S).not_done:
            sampler.sample()
        sampler.sample()
        figures = merged([part.result() for part in parts])
    return Run(figures, time.monotonic() - started, machine_cpu_s() - before_s, sampler.use())


def build_s(scenario: Scenario) -> float:
    """Seconds that a process is given to start and to build its audio; what comes later is late for second 0 only."""
    audio_s = sum(group.seconds * min(group.clients, scenario.distinct) for group in scenario.groups)
    return 3.0 + audio_s * (0.02 if scenario.added_latency else 0.002)
