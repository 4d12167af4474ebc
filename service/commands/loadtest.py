"""`sotto loadtest`: paced real-time clients against a server, and what it took."""

import asyncio
import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from loadtest.client import Scenario, run_clients
from loadtest.corpus import SpokenStream, build_streams, load_manifest
from loadtest.processes import ProcessSampler, child_processes, machine_cpu_s, own_cpu_s
from loadtest.report import Report, build_report, render
from loadtest.timings import StreamLog
from service.commands.client_errors import one_line_client_errors
from service.commands.stream import INTERRUPTED, ApiKey, ModelId, Url, server
from service.commands.terminal import one_line_errors
from service.errors import BadRequest

SHIPPED_MANIFEST = Path(__file__).parents[2] / "tests" / "data" / "manifest.jsonl"  # beside an editable install
_SAMPLE_INTERVAL_S = 1.0


def loadtest(
    clients: Annotated[int, typer.Option(min=1, help="Concurrent streams.")] = 10,
    seconds: Annotated[float, typer.Option(min=5, help="Length of each stream.")] = 60.0,
    stagger: Annotated[float | None, typer.Option(min=0, help="Seconds between starts; all within 5 s.")] = None,
    manifest: Annotated[
        Path, typer.Option(help="JSON lines: audio, text, language, perhaps segments.", show_default="shipped clips")
    ] = SHIPPED_MANIFEST,
    language: Annotated[str, typer.Option(help="Clips to take, and what the server is told.")] = "en",
    model: ModelId = None,
    seed: Annotated[int, typer.Option(help="Makes the same streams again.")] = 1,
    url: Url = None,
    api_key: ApiKey = None,
    pid: Annotated[list[int] | None, typer.Option(help="Server process to measure, with its children.")] = None,
    json_out: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write all figures here.")] = None,
    max_p95_final: Annotated[float | None, typer.Option(min=0, help="Exit 1 when p95 of finals is over it.")] = None,
) -> None:
    """Measure a server with concurrent dictation in real time.

    Latencies count from the true end of speech in the audio, endpoint silence included. Exits 1 when a stream fails,
    an utterance gets no final or a threshold is broken.
    """
    scenario = Scenario(clients=clients, seconds=seconds, stagger_s=stagger, language=language, model=model, seed=seed)
    console = Console(highlight=False)
    with one_line_errors(), one_line_client_errors():
        spoken = build_streams(load_manifest(manifest, language), count=clients, seconds=seconds, seed=seed)
        try:
            with server(url) as base:
                sampler = ProcessSampler(pid or ([] if url else child_processes()))
                report = asyncio.run(_measure(base, scenario, spoken, sampler, api_key))
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        if json_out is not None:
            _write(json_out, report)
    console.print(render(report))
    breaches = report.breaches(max_p95_final_s=max_p95_final)
    for breach in breaches:
        console.print(f"breach: {breach}", markup=False)
    raise typer.Exit(1 if breaches else 0)


async def _measure(
    base: str, scenario: Scenario, spoken: list[SpokenStream], sampler: ProcessSampler, api_key: str | None
) -> Report:
    own_before_s, machine_before_s, started = own_cpu_s(), machine_cpu_s(), time.monotonic()
    sampling = asyncio.create_task(_keep_sampling(sampler))
    try:
        logs: list[StreamLog] = await run_clients(base, spoken, scenario, api_key=api_key)
    finally:
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
    sampler.sample()
    return build_report(
        logs,
        scenario,
        wall_s=time.monotonic() - started,
        client_cpu_s=own_cpu_s() - own_before_s,
        machine_cpu_s=machine_cpu_s() - machine_before_s,
        processes=sampler.use(),
    )


async def _keep_sampling(sampler: ProcessSampler) -> None:
    while True:
        sampler.sample()
        await asyncio.sleep(_SAMPLE_INTERVAL_S)


def _write(path: Path, report: Report) -> None:
    try:
        path.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror}", field="json") from error
