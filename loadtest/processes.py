"""CPU time and memory of a server's processes, by what they do."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath

import psutil

_STORES = ("valkey-server", "redis-server")


@dataclass(slots=True)
class ProcessUse:
    """CPU seconds since the first sample; resident bytes at the first and last sample and at most."""

    cpu_s: float
    rss_first: int
    rss_last: int
    rss_peak: int


@dataclass(slots=True)
class _Seen:
    role: str
    cpu_before_s: float
    cpu_s: float


class ProcessSampler:
    """Sums over the trees of `roots`. A process that starts later counts in full; one that ends keeps its time."""

    def __init__(self, roots: Iterable[int]) -> None:
        self._roots = tuple(roots)
        self._seen: dict[int, _Seen] = {}
        self._rss: dict[str, list[int]] = {}

    def sample(self) -> None:
        first = not self._seen
        rss: dict[str, int] = {}
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                times = process.cpu_times()
                cpu_s = times.user + times.system
                if process.pid not in self._seen:
                    self._seen[process.pid] = _Seen(role_of(process.cmdline()), cpu_s if first else 0.0, cpu_s)
                seen = self._seen[process.pid]
                seen.cpu_s = cpu_s
                rss[seen.role] = rss.get(seen.role, 0) + process.memory_info().rss
        for role, total in rss.items():
            self._rss.setdefault(role, []).append(total)

    def use(self) -> dict[str, ProcessUse]:
        """By role, of what was sampled so far."""
        return {
            role: ProcessUse(
                sum(seen.cpu_s - seen.cpu_before_s for seen in self._seen.values() if seen.role == role),
                totals[0],
                totals[-1],
                max(totals),
            )
            for role, totals in sorted(self._rss.items())
        }

    def _processes(self) -> list[psutil.Process]:
        found: dict[int, psutil.Process] = {}
        for root in self._roots:
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(root)
                found |= {p.pid: p for p in (process, *process.children(recursive=True))}
        return list(found.values())


def role_of(command: Sequence[str]) -> str:
    """`gateway`, `worker`, `serve`, `valkey`, or `other`, from a command line."""
    words = " ".join(command).split()  # Valkey rewrites its command line to one word with spaces
    names = [PurePath(word).name for word in words]
    if names and names[0] in _STORES:
        return "valkey"
    if "loadtest.scripted" in names:
        return "worker"
    for name, following in pairwise(names):
        if name in ("sotto", "service.cli"):
            return following
    return "other"


def child_processes() -> list[int]:
    """Processes that this one started."""
    return [process.pid for process in psutil.Process().children()]


def own_cpu_s() -> float:
    """CPU seconds of this process so far."""
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)


def machine_cpu_s() -> float:
    """CPU seconds of all processes of this machine so far: other work at the same time spoils a measurement."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))
