"""A run as JSON and as Markdown."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from loadtest.chaos.ledger import Violation


@dataclass(frozen=True, slots=True)
class Injected:
    """One fault. `recovery_s`: from the end of its cause until every stream was served again, None when the next
    fault did not wait for that; `lasted_s`: how long the cause lasted."""

    kind: str
    detail: str
    at_s: float
    lasted_s: float
    recovery_s: float | None


@dataclass(frozen=True, slots=True)
class Growth:
    """How memory (bytes) and file descriptors of a process went: first and last sample, and slope per hour."""

    process: str
    rss_first: int
    rss_last: int
    rss_slope: float
    fds_first: int
    fds_last: int


@dataclass
class Outcome:
    seed: int
    server: str
    fsync: str
    decoder: str
    network: str
    seconds: float
    load_average: float
    counts: dict[str, int] = field(default_factory=dict)
    faults: list[Injected] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    finals_first_s: float = 0.0  # median of the first quarter
    finals_last_s: float = 0.0  # and of the last
    consumers: int = 0

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    def as_markdown(self) -> str:
        lines = [self._headline(), ""]
        if self.faults:
            lines += ["| fault | count | recovery p50 | p95 | max (s) | violations |", "|---|---|---|---|---|---|"]
            lines += [self._row(kind) for kind in sorted({fault.kind for fault in self.faults})]
            lines += [f"| **all** | {len(self.faults)} | {_spread(self._recoveries())} | {len(self.violations)} |", ""]
        lines += [f"- skipped, {kind}: {reason}" for kind, reason in sorted(self.skipped.items())]
        lines += [f"- {name}: {count}" for name, count in sorted(self.counts.items())]
        lines.append(
            f"- endpoint to final, median: {self.finals_first_s:.2f} s in the first quarter of the run, "
            f"{self.finals_last_s:.2f} s in the last"
        )
        lines += [f"- VIOLATION {v.at:.1f} s, {v.who}: {v.what} (after: {v.after})" for v in self.violations]
        if self.growth:
            lines += ["", "| process | memory first | last (MB) | slope (MB/h) | descriptors first | last |"]
            lines += ["|---|---|---|---|---|---|", *map(_growth, self.growth)]
        return "\n".join(lines) + "\n"

    def _headline(self) -> str:
        return (
            f"{len(self.faults)} faults in {self.seconds:.0f} s, seed {self.seed}, {self.server}, "
            f"appendfsync {self.fsync}, {self.decoder}, {self.network}; load average {self.load_average:.1f}: "
            f"{len(self.violations)} violations"
        )

    def _recoveries(self, kind: str | None = None) -> list[float]:
        return [f.recovery_s for f in self.faults if kind in (None, f.kind) and f.recovery_s is not None]

    def _row(self, kind: str) -> str:
        count = sum(fault.kind == kind for fault in self.faults)
        wrong = sum(violation.after.startswith(kind) for violation in self.violations)
        return f"| {kind} | {count} | {_spread(self._recoveries(kind))} | {wrong} |"


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Per second, by least squares; 0 of fewer than two points."""
    if len(points) < 2:
        return 0.0
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope


def _spread(values: list[float]) -> str:
    if not values:
        return "– | – | –"
    ranked = sorted(values)
    return f"{_quantile(ranked, 0.5):.1f} | {_quantile(ranked, 0.95):.1f} | {ranked[-1]:.1f}"


def _quantile(ranked: list[float], share: float) -> float:
    return ranked[min(len(ranked) - 1, round(share * (len(ranked) - 1)))]


def _growth(growth: Growth) -> str:
    first, last, hourly = (value / 1e6 for value in (growth.rss_first, growth.rss_last, growth.rss_slope))
    return f"| {growth.process} | {first:.0f} | {last:.0f} | {hourly:+.1f} | {growth.fds_first} | {growth.fds_last} |"
