"""A load test end to end, against a gateway whose decoder follows a script."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.load import Shard, Target
from loadtest.measure import measure
from loadtest.page import page
from loadtest.report import Report
from loadtest.scenario import Scenario
from loadtest.shipped import MANIFEST
from loadtest.stack import Running, Workers, simulated


@pytest.fixture(scope="module")
def scripted_server() -> Iterator[Running]:
    with simulated(Workers()) as running:
        yield running


def scenario_of(**group: object) -> Scenario:
    asked = {"clients": 2, "seconds": 4, "over_s": 0.2} | group
    return Scenario.model_validate({"name": "short", "groups": [asked], "distinct": 2, "added_latency": True})


@pytest.mark.parametrize("protocol", ["sotto", "openai", "deepgram"])
def test_every_protocol_is_measured_by_the_same_clients(scripted_server: Running, protocol: str) -> None:
    target = Target(scripted_server.url, protocol)  # type: ignore[arg-type]
    done = measure(scenario_of(), target, manifest=MANIFEST, pids=scripted_server.pids)
    found = Report(scenario_of(), done).summary
    assert (found["streams"], found["errors"], found["lost_words"], found["repeated_finals"]) == (2, 0, 0, 0)
    assert found["final_p95_ms"] is not None
    assert {"gateway", "worker", "valkey"} <= set(done.processes)


def test_streams_survive_a_network_that_breaks(scripted_server: Running, tmp_path: Path) -> None:
    scenario = scenario_of(network={"cut_every_s": 1.5, "read_bytes_per_s": 4000})
    done = measure(scenario, Target(scripted_server.url), manifest=MANIFEST, shard=Shard(1, 2), processes=1)
    report = Report(scenario, done)
    found = report.summary
    assert (found["streams"], found["errors"], found["lost_words"], found["repeated_finals"]) == (1, 0, 0, 0)
    assert found["connections_cut"]
    (tmp_path / "report.json").write_text(json.dumps(report.dump()))
    assert page(Report.load(tmp_path / "report.json")) == page(report)
