"""Who speaks in which shard, and what a load test refuses."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from loadtest.corpus import names
from loadtest.load import Load, Shard, Target
from loadtest.network import BadNetwork
from loadtest.scenario import Network, load
from service.cli import app
from service.errors import BadRequest

MANIFEST = Path(__file__).parents[2] / "data" / "manifest.jsonl"


@pytest.mark.parametrize(("machines", "processes", "clients"), [(1, 1, 5), (3, 2, 20), (2, 4, 3)])
def test_every_client_runs_in_one_process_of_one_machine(machines: int, processes: int, clients: int) -> None:
    parts = [Shard(m, machines).part(p, processes) for m in range(machines) for p in range(processes)]
    assert sorted(number for part in parts for number in part.numbers(clients)) == list(range(clients))


def test_invented_names_are_different_and_always_the_same() -> None:
    made = names(1000, seed=1)
    assert len(set(made)) == 1000
    assert made == names(1000, seed=1) != names(1000, seed=2)


def test_other_protocols_have_no_uploads(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="live only"):
        Load(load("mixed"), Target("http://localhost:1", "deepgram"), MANIFEST, Shard(), tmp_path)


def test_nobody_stands_between_client_and_tls() -> None:
    with pytest.raises(BadRequest, match="plain http"):
        BadNetwork("https://localhost:1", Network(cut_every_s=1))


@pytest.mark.parametrize(
    "arguments", [["run", "nowhere.yaml"], ["run", "smoke", "--shard", "3/2"], ["merge", "nowhere.json"]]
)
def test_what_is_no_good_ends_with_status_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["loadtest", *arguments]).exit_code == 2
