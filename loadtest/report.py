"""The figures of a run, for people and for programs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from loadtest import timings
from loadtest.accuracy import WordErrors, word_errors
from loadtest.client import Scenario
from loadtest.processes import ProcessUse
from loadtest.timings import Percentiles, StreamLog, percentiles

MIB = 2**20

_ROWS = {
    "first_text": "first caption after start of speech",
    "word_commit": "word committed after its end",
    "final": "final after true end of speech",
    "refresh_gap": "longest gap between captions in an utterance",
    "pacing_lateness": "audio sent later than due (client's own fault)",
}


@dataclass(frozen=True, slots=True)
class Report:
    """All latencies in seconds, pooled over the streams that finished. `machine_cpu_s`: of all processes here."""

    scenario: Scenario
    wall_s: float
    latency: Mapping[str, Percentiles]
    words: WordErrors
    utterances: int
    missed: int
    backlog: tuple[float, float] | None
    errors: Mapping[str, int]
    client_cpu_s: float
    machine_cpu_s: float
    processes: Mapping[str, ProcessUse]

    def breaches(self, *, max_p95_final_s: float | None) -> list[str]:
        """Why the run does not pass: streams that failed, utterances without a final, a threshold."""
        found = [f"{count} of {self.scenario.clients} streams: {code}" for code, count in self.errors.items()]
        if self.missed:
            found.append(f"{self.missed} of {self.utterances} utterances have no final")
        p95 = self.latency["final"].p95
        if max_p95_final_s is not None and (p95 is None or p95 > max_p95_final_s):
            found.append(f"p95 of final latency is {_seconds(p95)} s, over {max_p95_final_s} s")
        return found

    def as_json(self) -> dict[str, Any]:
        return {
            "scenario": asdict(self.scenario),
            "wall_s": self.wall_s,
            "latency_s": {name: asdict(values) for name, values in self.latency.items()},
            "wer": self.words.rate,
            "word_errors": self.words.errors,
            "reference_words": self.words.words,
            "utterances": self.utterances,
            "missed_utterances": self.missed,
            "final_p50_first_and_last_quarter_s": self.backlog,
            "errors": dict(self.errors),
            "client_cpu_s": self.client_cpu_s,
            "machine_cpu_s": self.machine_cpu_s,
            "processes": {role: asdict(use) for role, use in self.processes.items()},
        }


def build_report(
    logs: Sequence[StreamLog],
    scenario: Scenario,
    *,
    wall_s: float,
    client_cpu_s: float,
    machine_cpu_s: float,
    processes: Mapping[str, ProcessUse],
) -> Report:
    whole = [log for log in logs if log.error is None]
    words = (word_errors(" ".join(u.text for u in log.utterances), timings.transcript(log)) for log in whole)
    return Report(
        scenario=scenario,
        wall_s=wall_s,
        latency={
            "first_text": percentiles([d for log in whole for d in timings.first_text_delays(log)]),
            "word_commit": percentiles([d for log in whole for d in timings.commit_delays(log)]),
            "final": percentiles([d for log in whole for _, d in timings.final_delays(log)]),
            "refresh_gap": percentiles([d for log in whole for d in timings.refresh_gaps(log)]),
            "pacing_lateness": percentiles([d for log in logs for d in log.lateness]),
        },
        words=reduce(add, words, WordErrors(0, 0)),
        utterances=sum(len(log.utterances) for log in whole),
        missed=sum(len(timings.missed(log)) for log in whole),
        backlog=timings.backlog_growth(whole),
        errors=Counter(log.error for log in logs if log.error is not None),
        client_cpu_s=client_cpu_s,
        machine_cpu_s=machine_cpu_s,
        processes=processes,
    )


def render(report: Report) -> Group:
    """The report as tables for a terminal."""
    return Group(_latency_table(report), _process_table(report), Text("\n".join(_facts(report))))


def _latency_table(report: Report) -> Table:
    table = Table(
        title=f"{report.scenario.clients} streams, {report.scenario.seconds:.0f} s each", title_justify="left"
    )
    table.add_column("seconds")
    for heading in ("p50", "p95", "p99", "max", "n"):
        table.add_column(heading, justify="right")
    for name, label in _ROWS.items():
        values = report.latency[name]
        figures = (_seconds(value) for value in (values.p50, values.p95, values.p99, values.max))
        table.add_row(label, *figures, str(values.count))
    return table


def _process_table(report: Report) -> Table:
    table = Table()
    table.add_column("process")
    for heading in ("CPU s", "cores", "RSS first", "last", "peak MiB"):
        table.add_column(heading, justify="right")
    for role, use in report.processes.items():
        sizes = (f"{size / MIB:.0f}" for size in (use.rss_first, use.rss_last, use.rss_peak))
        table.add_row(role, f"{use.cpu_s:.1f}", f"{use.cpu_s / report.wall_s:.2f}", *sizes)
    server_cpu_s = sum(use.cpu_s for use in report.processes.values())
    rest = {
        "load generator": report.client_cpu_s,
        "everything else here": max(0.0, report.machine_cpu_s - report.client_cpu_s - server_cpu_s),
    }
    for label, cpu_s in rest.items():
        table.add_row(label, f"{cpu_s:.1f}", f"{cpu_s / report.wall_s:.2f}", "", "", "")
    return table


def _facts(report: Report) -> list[str]:
    words = report.words
    lines = [f"utterances {report.utterances}, without a final {report.missed}"]
    if words.rate is not None:
        lines.append(f"WER {words.rate:.1%} ({words.errors} of {words.words} words; digits as written)")
    if report.backlog is not None:
        first, last = report.backlog
        lines.append(f"backlog: median final {first:.2f} s in the first quarter, {last:.2f} s in the last")
    lines += [f"failed streams: {count} x {code}" for code, count in report.errors.items()]
    return lines


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
