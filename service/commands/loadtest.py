"""`sotto loadtest`: paced real-time clients against a server, and what it took."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from loadtest import capacity, scenario
from loadtest.client import Protocol
from loadtest.load import Shard, Target
from loadtest.measure import measure
from loadtest.page import page
from loadtest.processes import child_processes
from loadtest.report import Report, merge, render, write
from loadtest.scenario import Scenario
from loadtest.shipped import MANIFEST
from loadtest.stack import Workers, simulated
from service.commands.stream import INTERRUPTED, ApiKey, ModelId, Url, server
from service.commands.terminal import one_line_errors
from service.errors import BadRequest

app = typer.Typer(no_args_is_help=True, help="Measure a server with many people who dictate at once.")

Named = Annotated[str, typer.Argument(metavar="SCENARIO", help="A shipped scenario or a YAML file.")]
Clients = Annotated[int | None, typer.Option(min=1, help="In the first group, instead of what the scenario says.")]
Spoken = Annotated[Protocol, typer.Option(help="What the server speaks.")]
Processes = Annotated[int, typer.Option(min=1, max=256, help="Client processes on this machine.")]
Pids = Annotated[list[int] | None, typer.Option("--pid", help="Server process to measure, with its children.")]
Manifest = Annotated[
    Path, typer.Option(help="JSON lines: audio, text, language, perhaps segments.", show_default="shipped clips")
]
Json = Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write all figures here; `merge` reads them.")]
Html = Annotated[Path | None, typer.Option("--html", metavar="OUT", help="Write the report with its plots here.")]
Simulate = Annotated[bool, typer.Option("--simulate", help="A private server whose decoder follows a script.")]
Costs = Annotated[Path | None, typer.Option(help="Cost model: how long a simulated decoder takes.")]


@app.command("list")
def list_scenarios() -> None:
    """Show the scenarios that come along."""
    table = Table(box=None, show_header=False)
    for name in scenario.shipped():
        table.add_row(name, scenario.load(name).about)
    Console(highlight=False).print(table)


@app.command()
def run(
    name: Named,
    url: Url = None,
    protocol: Spoken = "sotto",
    clients: Clients = None,
    model: ModelId = None,
    api_key: ApiKey = None,
    manifest: Manifest = MANIFEST,
    processes: Processes = 1,
    shard: Annotated[str, typer.Option(help="Which part of all clients runs here, as in 1/3.")] = "1/1",
    start_at: Annotated[float | None, typer.Option(help="Unix time at which all shards begin.")] = None,
    pid: Pids = None,
    simulate: Simulate = False,
    costs: Costs = None,
    json_out: Json = None,
    html: Html = None,
    note: Annotated[str, typer.Option(help="Written into the report: the machine, what else ran on it.")] = "",
) -> None:
    """Run a scenario, at a private server when no URL is given.

    Exits 1 when a threshold is broken, 2 when the scenario is no good.
    """
    with _one_line():
        wanted = _scenario(name, clients, model)
        part = _shard(shard)
        with _server(url, simulate, costs) as (base, pids):
            target = Target(base, protocol, api_key)
            done = measure(
                wanted,
                target,
                manifest=manifest,
                shard=part,
                processes=processes,
                pids=pid or pids,
                starts_at=start_at,
            )
        report = Report(wanted, done, note=note)
        _write(report, json_out, html)
    _tell(report)


@app.command("merge")
def merge_reports(
    reports: Annotated[list[Path], typer.Argument(metavar="REPORT...", help="What --json wrote on each machine.")],
    json_out: Json = None,
    html: Html = None,
) -> None:
    """Make one report of the shards of a run, and judge its thresholds."""
    with _one_line():
        whole = merge([Report.load(path) for path in reports])
        _write(whole, json_out, html)
    _tell(whole)


@app.command("find-capacity")
def find_capacity(
    name: Named = "steady",
    url: Url = None,
    protocol: Spoken = "sotto",
    first: Annotated[int, typer.Option(min=1, help="Clients of the first step.")] = 4,
    most: Annotated[int, typer.Option(min=1, help="Clients at most.")] = 4096,
    precision: Annotated[float, typer.Option(min=0, max=1, help="Stop when the bracket is this narrow.")] = 0.05,
    model: ModelId = None,
    api_key: ApiKey = None,
    manifest: Manifest = MANIFEST,
    processes: Processes = 1,
    simulate: Simulate = False,
    costs: Costs = None,
    json_out: Json = None,
) -> None:
    """Find the greatest number of clients at which a scenario's thresholds hold.

    Doubles until one is broken, then halves the distance; every step is a whole run. Exits 1 when not even one client
    is held.
    """
    console = Console(highlight=False)
    reports: list[Report] = []
    with _one_line():
        wanted = _scenario(name, None, model)
        if not wanted.bounds:
            raise BadRequest(f"{name} has no thresholds to hold", field="thresholds")
        with _server(url, simulate, costs) as (base, pids):

            def holds(clients: int) -> bool:
                done = measure(
                    wanted.with_clients(clients),
                    Target(base, protocol, api_key),
                    manifest=manifest,
                    processes=processes,
                    pids=pids,
                )
                report = Report(wanted.with_clients(clients), done)
                reports.append(report)
                told = "held" if not report.breaches else "; ".join(report.breaches)
                console.print(f"{clients} clients: final p95 {report.summary['final_p95_ms']} ms, {told}", markup=False)
                return not report.breaches

            greatest, _ = capacity.find_capacity(holds, first=first, most=most, precision=precision)
        if json_out is not None:
            steps = [report.dump() for report in reports]
            write(json_out, json.dumps({"capacity": greatest, "steps": steps}, indent=1) + "\n", "json")
    console.print(f"capacity: {greatest} clients")
    raise typer.Exit(0 if greatest else 1)


@contextlib.contextmanager
def _one_line() -> Iterator[None]:
    try:
        with one_line_errors():
            yield
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


@contextlib.contextmanager
def _server(url: str | None, simulate: bool, costs: Path | None) -> Iterator[tuple[str, list[int]]]:
    """The server's URL and the processes of it that run here."""
    if simulate or costs:
        if url:
            raise BadRequest("a simulated server is one of its own", field="url")
        with simulated(Workers.scripted(costs)) as running:
            yield running.url, list(running.pids)
        return
    with server(url) as base:
        yield base, [] if url else child_processes()


def _scenario(name: str, clients: int | None, model: str | None) -> Scenario:
    wanted = scenario.load(name)
    if clients is not None:
        wanted = wanted.with_clients(clients)
    return wanted.model_copy(update={"model": model}) if model else wanted


def _shard(written: str) -> Shard:
    found = re.fullmatch(r"(\d+)/(\d+)", written)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise BadRequest(f"{written!r} is no part of a whole such as 1/3", field="shard")
    return Shard(int(found[1]) - 1, int(found[2]))


def _write(report: Report, json_out: Path | None, html: Path | None) -> None:
    if json_out is not None:
        write(json_out, json.dumps(report.dump(), indent=1) + "\n", "json")
    if html is not None:
        write(html, page(report), "html")


def _tell(report: Report) -> None:
    console = Console(highlight=False)
    console.print(render(report))
    for breach in report.breaches:
        console.print(f"broken: {breach}", markup=False)
    raise typer.Exit(1 if report.breaches else 0)
