"""A deployment of two gateways, two workers, Valkey and its replica, broken thirty times within half a minute."""

from loadtest.chaos.faults import FAULTS
from loadtest.chaos.run import Plan, run
from tests.conftest import DATA


async def test_thirty_faults_under_load_break_no_promise() -> None:
    plan = Plan(
        faults=30,
        seed=240,
        manifest=DATA / "manifest.jsonl",
        streams=4,
        gap_s=(0.2, 0.8),
        storm=True,
        expiry=False,  # a minute of waiting; that the keys will expire is checked all the same
    )
    outcome = await run(plan)
    for kind, reason in outcome.skipped.items():
        print(f"skipped, {kind}: {reason}")
    assert outcome.violations == []
    assert len(outcome.faults) == 30
    assert {fault.kind for fault in outcome.faults} == set(FAULTS) - set(outcome.skipped)
    assert outcome.counts["streams"] >= plan.streams
    assert outcome.counts["uploads"] + outcome.counts["jobs"] > 0
