import pytest

from loadtest.capacity import Step, find_capacity, next_clients


@pytest.mark.parametrize("limit", [1, 3, 4, 5, 63, 64, 100, 777])
def test_the_search_ends_within_its_precision_below_the_limit(limit: int) -> None:
    found, steps = find_capacity(lambda clients: clients <= limit, first=4, most=10_000, precision=0.05)
    assert limit / 1.05 - 1 <= found <= limit
    assert len({step.clients for step in steps}) == len(steps) <= 16


def test_the_most_is_tried_and_no_more() -> None:
    found, steps = find_capacity(lambda _: True, first=4, most=50)
    assert found == 50
    assert [step.clients for step in steps] == [4, 8, 16, 32, 50]


def test_a_server_that_holds_nobody_has_no_capacity() -> None:
    assert find_capacity(lambda _: False, first=4, most=50)[0] == 0


def test_a_small_run_that_failed_by_bad_luck_does_not_end_the_search() -> None:
    steps = [Step(4, True), Step(8, False), Step(6, True), Step(7, True), Step(16, True)]
    assert next_clients(steps, first=4, most=100, precision=0.05) == 32
