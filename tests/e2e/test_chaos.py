"""A deployment of two gateways and two workers whose processes are killed and drained under load.

All kinds of faults, of Redis, network, clocks and disks too, come with `make chaos` (docs/reliability.md).
"""

from loadtest.chaos.run import Plan, run
from tests.conftest import DATA

KINDS = ("worker killed", "all workers killed", "gateway killed", "worker drained", "gateway drained")


async def test_processes_that_die_under_load_break_no_promise() -> None:
    plan = Plan(
        faults=10,
        seed=240,
        manifest=DATA / "manifest.jsonl",
        streams=3,
        kinds=KINDS,
        expiry=False,  # a minute of waiting; that the keys will expire is checked all the same
    )
    outcome = await run(plan)
    assert outcome.violations == []
    assert len(outcome.faults) == 10
    assert {fault.kind for fault in outcome.faults} == set(KINDS)
    assert outcome.counts["streams"] >= plan.streams
    assert outcome.counts["uploads"] + outcome.counts["jobs"] > 0
