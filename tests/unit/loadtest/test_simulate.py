"""What is judged of simulated streams, by hand-written times in seconds."""

import pytest

from loadtest.simulate import Heard, judge


def heard(*waits: float, order: list[int] | None = None, lost: int = 0) -> Heard:
    count = len(waits)
    return Heard(
        asked_at={number: 10.0 * number for number in range(count + lost)},
        came_at={number: 10.0 * number + wait for number, wait in enumerate(waits)},
        order=list(range(count)) if order is None else order,
    )


def test_sessions_that_wait_alike_are_treated_fairly() -> None:
    judged = judge([heard(0.1, 0.2), heard(0.2, 0.1), Heard()])
    assert judged.fairness == pytest.approx(1)
    assert judged.worst_wait == pytest.approx(0.2 / 0.15)
    assert (judged.finals, judged.breaches) == (4, [])


def test_a_session_that_is_left_behind_is_a_breach() -> None:
    judged = judge([heard(0.1), heard(0.1), heard(0.35)])
    assert judged.breaches == ["a session waited 3.5 times the median"]


def test_lost_repeated_and_disordered_finals_are_breaches() -> None:
    judged = judge([heard(0.1, 0.1, order=[1, 0, 1], lost=2)])
    assert judged.breaches == ["2 finals lost", "1 finals disordered", "1 finals repeated"]


def test_recovery_lasts_until_the_last_final_that_was_outstanding() -> None:
    sessions = [heard(0.5, 4.0), heard(0.1, 6.5), heard(0.1, 0.1, 9.0)]
    judged = judge(sessions, killed_at=10.5)
    assert judged.recovery_s == pytest.approx(6.0)  # the last session's third was asked for later
    assert judged.breaches[0] == "a session waited 6.1 times the median"  # not for what the death interrupted
    assert "recovery took 6.0 s" in judged.breaches
    assert judge(sessions[:1], killed_at=100.0).recovery_s == 0


def test_nothing_heard_is_judged_too() -> None:
    assert judge([]).breaches == []
