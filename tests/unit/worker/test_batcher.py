"""The batching policy, as arithmetic: no clock, no queue."""

from service.log.store import TurnKind
from service.worker.batcher import BatchPolicy, Waiting, next_batch

POLICY = BatchPolicy(max_batch=4, bulk_slots=1, bulk_patience_ms=2000)


def waiting(kind: TurnKind, since_ms: float = 0, bucket: float = 7, name: str = "") -> Waiting[str]:
    return Waiting(kind, bucket, since_ms, name or f"{kind}{since_ms:.0f}")


def names(batch: list[Waiting[str]]) -> list[str]:
    return [w.item for w in batch]


def choose(turns: list[Waiting[str]], policy: BatchPolicy = POLICY, **state: float) -> list[str]:
    now_ms = state.get("now_ms", 100)
    free, bulk = int(state.get("free_slots", 1)), int(state.get("bulk_running", 0))
    return names(next_batch(turns, policy, now_ms=now_ms, free_slots=free, bulk_running=bulk))


def test_nothing_waits_nothing_runs() -> None:
    assert choose([]) == []


def test_no_batch_without_a_free_slot() -> None:
    assert choose([waiting("final")], free_slots=0) == []


def test_a_late_final_goes_before_an_early_partial() -> None:
    assert choose([waiting("partial", 0), waiting("final", 50)]) == ["final50"]


def test_a_batch_holds_one_kind_and_one_window() -> None:
    turns = [
        waiting("final", 0, 7, "a"),
        waiting("final", 1, 10, "b"),
        waiting("final", 2, 7, "c"),
        waiting("partial", 0),
    ]
    assert choose(turns) == ["a", "c"]


def test_older_turns_first_up_to_the_largest_batch() -> None:
    turns = [waiting("partial", age) for age in (5, 3, 1, 4, 2)]
    assert choose(turns) == ["partial1", "partial2", "partial3", "partial4"]


def test_turns_are_shared_out_among_free_slots() -> None:
    turns = [waiting("final", age) for age in range(4)]
    assert choose(turns, free_slots=2) == ["final0", "final1"]
    assert choose(turns[:2], free_slots=2) == ["final0"]


def test_bulk_never_takes_the_slots_kept_for_live_turns() -> None:
    assert choose([waiting("bulk")], bulk_running=1, free_slots=1) == []


def test_bulk_that_has_waited_long_goes_before_a_younger_partial() -> None:
    turns = [waiting("bulk", 0), waiting("partial", 1500)]
    assert choose(turns, now_ms=1900) == ["partial1500"]
    assert choose(turns, now_ms=2500) == ["bulk0"]


def test_however_long_bulk_waits_a_final_goes_first() -> None:
    assert choose([waiting("bulk", 0), waiting("final", 9000)], now_ms=9001) == ["final9000"]


def test_a_batch_that_is_not_full_waits_for_company_only_so_long() -> None:
    policy = BatchPolicy(max_batch=4, gather_ms=8)
    assert choose([waiting("final", 100)], policy, now_ms=105) == []
    assert choose([waiting("final", 100)], policy, now_ms=108) == ["final100"]
    assert len(choose([waiting("final", 100)] * 4, policy, now_ms=100)) == 4
