"""The figures of a run, for people and for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from loadtest.figures import LATENCIES, Figures, merged
from loadtest.measure import Run
from loadtest.processes import ProcessUse
from loadtest.scenario import Scenario
from service.errors import BadRequest

MIB = 2**20
_FORMAT = 1


class Report:
    """A run of a scenario, or the parts of one that several machines measured."""

    def __init__(self, scenario: Scenario, run: Run, *, note: str = "") -> None:
        self.scenario = scenario
        self.run = run
        self.note = note
        self.summary = run.figures.summary(breaking_final_ms=scenario.breaking_final_ms)

    @property
    def breaches(self) -> list[str]:
        """The thresholds that do not hold."""
        return [breach for bound in self.scenario.bounds if (breach := bound.breach(self.summary))]

    def dump(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "scenario": self.scenario.model_dump(),
            "note": self.note,
            "summary": self.summary,
            "breaches": self.breaches,
            "errors": dict(self.run.figures.errors),
            "wall_s": self.run.wall_s,
            "machine_cpu_s": self.run.machine_cpu_s,
            "processes": {role: asdict(use) for role, use in self.run.processes.items()},
            "figures": self.run.figures.dump(),
        }

    @classmethod
    def load(cls, path: Path) -> "Report":
        """Raises BadRequest for a file that is no report."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            uses = {role: ProcessUse(**use) for role, use in values["processes"].items()}
            run = Run(Figures.load(values["figures"]), values["wall_s"], values["machine_cpu_s"], uses)
            return cls(Scenario.model_validate(values["scenario"]), run, note=values["note"])
        except OSError as error:
            raise BadRequest(f"{path}: {error.strerror}", field="reports") from error
        except (ValueError, KeyError, TypeError) as error:
            raise BadRequest(f"{path} is no report of a load test", field="reports") from error


def merge(reports: Sequence[Report]) -> Report:
    """One report of the shards of a run. Raises BadRequest when they are of different scenarios."""
    first = reports[0]
    if any(report.scenario != first.scenario for report in reports):
        raise BadRequest("the reports are of different scenarios", field="reports")
    uses = {
        f"{role} ({number + 1})": use
        for number, report in enumerate(reports)
        for role, use in report.run.processes.items()
    }
    run = Run(
        merged([report.run.figures for report in reports]),
        max(report.run.wall_s for report in reports),
        sum(report.run.machine_cpu_s for report in reports),
        uses,
    )
    return Report(first.scenario, run, note=" | ".join(filter(None, (report.note for report in reports))))


def write(path: Path, text: str, field: str) -> None:
    """Raises BadRequest when the file cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror}", field=field) from error


def render(report: Report) -> Group:
    """The report as tables for a terminal."""
    return Group(_latency_table(report), _process_table(report), Text("\n".join(facts(report))))


def latency_rows(report: Report) -> list[tuple[str, list[float | None], int]]:
    """What was measured: label, p50, p95, p99 and max in milliseconds, and how many values."""
    return [
        (
            label,
            [report.summary[f"{name}_{which}_ms"] for which in ("p50", "p95", "p99", "max")],
            report.run.figures.latency[name].count,
        )
        for name, label in LATENCIES.items()
        if report.run.figures.latency[name].count
    ]


def process_rows(report: Report) -> list[tuple[str, float, ProcessUse | None]]:
    """CPU seconds by process, with the load generator's own and those of everything else on this machine."""
    uses: Mapping[str, ProcessUse] = report.run.processes
    clients_s = report.run.figures.client_cpu_s
    rest_s = report.run.machine_cpu_s - clients_s - sum(use.cpu_s for use in uses.values())
    rows: list[tuple[str, float, ProcessUse | None]] = [(role, use.cpu_s, use) for role, use in uses.items()]
    return [*rows, ("load generator", clients_s, None), ("everything else here", max(0.0, rest_s), None)]


def facts(report: Report) -> list[str]:
    """The counts, in lines."""
    found = report.summary
    lines = [
        f"streams {found['streams']}, at most {found['most_open_streams']} at once, utterances {found['utterances']}, "
        f"without a final {found['lost_utterances']} ({found['lost_words']} words), finals twice "
        f"{found['repeated_finals']}, out of order {found['disordered_finals']}"
    ]
    if found["uploads"] or found["jobs"]:
        speed = found["bulk_speed"] or 0.0
        lines.append(f"uploads {found['uploads']}, jobs {found['jobs']}: {speed:.1f} times real time")
    if found["connections_cut"]:
        lines.append(f"connections cut {found['connections_cut']}")
    if found["wer_percent"] is not None:
        lines.append(f"WER {found['wer_percent']:.1f} % (digits as written)")
    if found["backlog_growth_ms"] is not None:
        lines.append(f"median final of the last quarter minus the first: {found['backlog_growth_ms']:+.0f} ms")
    lines += [f"errors: {count} x {code}" for code, count in report.run.figures.errors.most_common()]
    return lines


def _latency_table(report: Report) -> Table:
    table = Table(title=report.scenario.name, title_justify="left")
    table.add_column("milliseconds")
    for heading in ("p50", "p95", "p99", "max", "n"):
        table.add_column(heading, justify="right")
    for label, values, count in latency_rows(report):
        table.add_row(label, *("-" if value is None else f"{value:.0f}" for value in values), str(count))
    return table


def _process_table(report: Report) -> Table:
    table = Table()
    table.add_column("process")
    for heading in ("CPU s", "cores", "RSS first", "last", "peak MiB"):
        table.add_column(heading, justify="right")
    for role, cpu_s, use in process_rows(report):
        sizes = [f"{size / MIB:.0f}" for size in (use.rss_first, use.rss_last, use.rss_peak)] if use else ["", "", ""]
        table.add_row(role, f"{cpu_s:.1f}", f"{cpu_s / report.run.wall_s:.2f}", *sizes)
    return table
