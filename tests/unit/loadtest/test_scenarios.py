from pathlib import Path

import pytest

from loadtest.scenario import Scenario, load, shipped
from loadtest.thresholds import parse
from service.errors import BadRequest

WANTED = {"steady", "ramp", "burst", "soak", "reconnect-storm", "mixed", "slow-clients", "big-lists", "gateway"}


def test_the_shipped_scenarios_are_valid_and_bounded() -> None:
    assert set(shipped()) >= WANTED
    for name in shipped():
        scenario = load(name)
        assert (scenario.name, bool(scenario.bounds), bool(scenario.about)) == (name, True, True)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("name: a\ngroups: [{clients: 2}]\nusers: 3", "users"),
        ("name: a\ngroups: [{clients: 2, second: 3}]", "groups.0.second"),
        ("name: a\ngroups: [{clients: 0}]", "groups.0.clients"),
        ("name: a\ngroups: []", "groups"),
        ("name: a\ngroups: [{clients: 1}]\nthresholds: {final_p96_ms: '< 3'}", "thresholds"),
        ("name: a\ngroups: [{clients: 1}]\nthresholds: {final_p95_ms: 'fast'}", "thresholds"),
        ("name: a\ngroups: [{clients: 1}, {clients: 2}]", "scenario"),
        ("name: a\ngroups: [{clients: 1, kind: rest, network: {cut_every_s: 3}}]", "groups.0"),
        ("name: [", "scenario"),
        ("- 3", "scenario"),
    ],
)
def test_a_bad_scenario_names_its_field(tmp_path: Path, text: str, field: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(BadRequest) as raised:
        load(str(path))
    assert raised.value.field == field


def test_the_first_group_takes_another_number_of_clients() -> None:
    scenario = load("burst").with_clients(7)
    assert [group.clients for group in scenario.groups] == [7, 12]
    assert Scenario.model_validate(scenario.model_dump()) == scenario


@pytest.mark.parametrize(
    ("written", "value", "holds"),
    [
        ("< 700", 699.9, True),
        ("< 700", 700, False),
        ("<=700", 700, True),
        (">= 10", 9, False),
        ("> -1.5", 0, True),
        ("== 3", 3, True),
        (0, 0, True),
        (0, 1, False),
        (0, None, False),
    ],
)
def test_thresholds_hold_or_are_breached(written: str | int, value: float | None, holds: bool) -> None:
    breach = parse("errors", written).breach({"errors": value})
    assert (breach is None) == holds
    assert breach is None or breach.startswith("errors")
