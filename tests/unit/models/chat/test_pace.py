from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.chat.pace import LONGEST_DELAY_S, Pace, delay_s, retry_after_s

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_without_limits_nothing_waits() -> None:
    pace = Pace(0, 0)
    assert [pace.reserve(10_000, now=5.0) for _ in range(3)] == [0, 0, 0]


@given(st.lists(st.floats(0, 30), min_size=2, max_size=30))
def test_requests_are_never_closer_than_the_rate_allows(gaps: list[float]) -> None:
    pace, now, sent = Pace(requests_per_minute=12, tokens_per_minute=0), 0.0, []
    for gap in gaps:
        now += gap
        sent.append(now + pace.reserve(1, now))
    assert all(later - earlier >= 5 - 1e-9 for earlier, later in pairwise(sent))


def test_the_stricter_of_both_limits_counts() -> None:
    pace = Pace(requests_per_minute=60, tokens_per_minute=600)
    assert [pace.reserve(100, 0.0), pace.reserve(1, 0.0), pace.reserve(1, 0.0)] == [0, 10, 11]


def test_what_was_cheaper_than_guessed_is_given_back() -> None:
    pace = Pace(0, tokens_per_minute=600)
    pace.reserve(100, 0.0)
    pace.settle(guessed=100, counted=40)
    assert pace.reserve(1, 0.0) == pytest.approx(4)


def test_a_hold_stops_all() -> None:
    pace = Pace(0, 0)
    pace.hold(until=30.0)
    assert pace.reserve(1, 10.0) == 20


def test_delays_double_up_to_a_limit() -> None:
    assert [delay_s(attempt, chance=0) for attempt in (1, 2, 3, 20)] == [1, 2, 4, LONGEST_DELAY_S]
    assert delay_s(3, chance=1) == 2


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0.5", 0.5),
        ("-3", 0),
        ("Mon, 04 May 2026 12:00:20 GMT", 20),
        ("Mon, 04 May 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_number_or_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOON) == seconds
