"""A deployment of two gateways, two workers and a replicated Redis that is broken in many ways at once, under load.

Longer trials: docs/reliability.md.
"""

from loadtest.chaos.run import Plan, run
from tests.conftest import DATA


async def test_a_storm_of_faults_breaks_no_promise() -> None:
    plan = Plan(
        faults=20,
        seed=12,
        manifest=DATA / "manifest.jsonl",
        streams=3,
        storm=True,
        expiry=False,  # a minute of waiting; that the keys will expire is checked all the same
    )
    outcome = await run(plan)
    assert outcome.violations == []
    assert len(outcome.faults) == 20
    assert len({fault.kind for fault in outcome.faults}) >= 12
    assert outcome.counts["streams"] >= plan.streams
    assert outcome.counts["uploads"] + outcome.counts["jobs"] > 0
