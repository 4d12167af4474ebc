"""Dashboards, alerts and the code name the same metrics and labels; promtool runs the alerts."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase

from service import metrics
from tests.helm.conftest import CHART

ALERTS = CHART / "alerts" / "sotto.yaml"
DASHBOARDS = sorted((CHART / "dashboards").glob("*.json"))
NAMES = re.compile(r"\b(?:sotto|process)_\w+")
OF_TARGETS = {"pod", "instance", "job", "namespace"}
OF_PROCESSES = {"process_cpu_seconds_total", "process_resident_memory_bytes"}


def exported() -> dict[str, set[str]]:
    """Every series that the code exports, with its labels."""
    series = {}
    for instrument in vars(metrics).values():
        if isinstance(instrument, MetricWrapperBase):
            [family] = instrument.describe()
            labels = set(instrument._labelnames)
            if isinstance(instrument, Histogram):
                series |= {f"{family.name}{suffix}": labels for suffix in ("_sum", "_count")}
                series[f"{family.name}_bucket"] = labels | {"le"}
            else:
                series[f"{family.name}_total" if isinstance(instrument, Counter) else family.name] = labels
    return series | {name: set() for name in OF_PROCESSES}


def alert_rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]]


def panels(dashboard: Path) -> list[dict[str, Any]]:
    return [panel for panel in json.loads(dashboard.read_text("utf-8"))["panels"] if panel["type"] != "row"]


def queries() -> list[tuple[str, str]]:
    """What asks, and what it asks."""
    asked = [(rule["alert"], rule["expr"]) for rule in alert_rules()]
    for dashboard in DASHBOARDS:
        asked += [(panel["title"], target["expr"]) for panel in panels(dashboard) for target in panel["targets"]]
        for variable in json.loads(dashboard.read_text("utf-8"))["templating"]["list"]:
            if variable["type"] == "query":
                name, label = re.findall(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])[0]
                asked.append((variable["name"], f"sum by ({label}) ({name})"))
    return asked


@pytest.mark.parametrize(("who", "query"), queries())
def test_series_and_labels_are_those_that_the_code_exports(who: str, query: str) -> None:
    known = exported()
    named = set(NAMES.findall(query))
    assert named, who
    assert named <= known.keys()
    labels = set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', query))
    for listed in re.findall(r"\b(?:by|on) \(([^)]*)\)", query):
        labels |= {label.strip() for label in listed.split(",")}
    assert labels <= set().union(*(known[name] for name in named)) | OF_TARGETS


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_legends_show_labels_that_the_query_keeps(dashboard: Path) -> None:
    for panel in panels(dashboard):
        for target in panel["targets"]:
            kept = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", target["expr"])))) | OF_TARGETS
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= kept, panel["title"]


def test_what_an_operator_wants_to_see_is_on_a_dashboard() -> None:
    shown = {re.sub("_(bucket|sum|count)$", "", name) for _, query in queries() for name in NAMES.findall(query)}
    assert shown >= {re.sub("_(bucket|sum|count)$", "", name) for name in exported()}


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_have_ids_of_their_own_and_do_not_overlap(dashboard: Path) -> None:
    every = json.loads(dashboard.read_text("utf-8"))["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    cells = [
        (x, y)
        for position in (panel["gridPos"] for panel in every)
        for x in range(position["x"], position["x"] + position["w"])
        for y in range(position["y"], position["y"] + position["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


@pytest.fixture(scope="module")
def promtool() -> str:
    binary = shutil.which("promtool")
    if binary is None:
        pytest.skip("no promtool on the PATH (Debian package prometheus)")
    return binary


def run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_understands_every_query(promtool: str, tmp_path: Path) -> None:
    understood = [(who, query.replace("$__rate_interval", "1m")) for who, query in queries()]
    rules = [{"record": f"query:{number}", "expr": query} for number, (_, query) in enumerate(understood)]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    run(promtool, "check", "rules", tmp_path / "rules.yaml")


def test_alerts_fire_when_they_should_and_only_then(promtool: str) -> None:
    run(promtool, "test", "rules", Path(__file__).parent / "alert_tests.yaml")


def test_every_alert_is_tried() -> None:
    tried = yaml.safe_load((Path(__file__).parent / "alert_tests.yaml").read_text("utf-8"))["tests"]
    fired = {case["alertname"] for test in tried for case in test["alert_rule_test"] if case["exp_alerts"]}
    calm = {case["alertname"] for test in tried for case in test["alert_rule_test"] if not case.get("exp_alerts")}
    assert fired == calm == {rule["alert"] for rule in alert_rules()}
