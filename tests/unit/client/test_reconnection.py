import random

from sotto_client.reconnection import Reconnection


def delays(reconnection: Reconnection, count: int) -> list[float]:
    """Delays of attempts that all fail at once."""
    now, found = 0.0, []
    for _ in range(count):
        reconnection.lost(now)
        delay = reconnection.next_delay_s(now)
        if delay is None:
            break
        found.append(delay)
        now += delay
    return found


def test_first_attempt_is_made_at_once() -> None:
    assert delays(Reconnection(30), 1) == [0.0]


def test_delays_double_up_to_the_longest_with_jitter() -> None:
    found = delays(Reconnection(1000, first_delay_s=1, longest_delay_s=8, rng=random.Random(1)), 7)
    ceilings = [1, 2, 4, 8, 8, 8]
    assert all(ceiling / 2 <= delay <= ceiling for delay, ceiling in zip(found[1:], ceilings, strict=True))


def test_attempts_end_at_the_deadline() -> None:
    found = delays(Reconnection(10, first_delay_s=1), 100)
    assert sum(found) == 10


def test_settled_connection_ends_the_outage() -> None:
    reconnection = Reconnection(10)
    delays(reconnection, 100)
    reconnection.settled()
    reconnection.lost(1000.0)
    assert reconnection.next_delay_s(1000.0) == 0.0


def test_connection_that_lived_ends_the_outage() -> None:
    reconnection = Reconnection(10)
    reconnection.lost(0.0)
    reconnection.next_delay_s(0.0)
    reconnection.lost(100.0, connected_for_s=99.0)
    assert reconnection.next_delay_s(100.0) == 0.0


def test_connection_that_dies_at_once_does_not_end_the_outage() -> None:
    reconnection = Reconnection(10)
    for now in range(11):
        reconnection.lost(now, connected_for_s=0.5)
    assert reconnection.next_delay_s(10.0) is None
