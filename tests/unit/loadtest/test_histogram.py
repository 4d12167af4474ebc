import json
import random

import pytest

from loadtest.histogram import RELATIVE_ERROR, Histogram, histogram


@pytest.mark.parametrize("percent", [50, 95, 99, 99.9, 100])
def test_percentiles_are_exact_to_one_percent(percent: float) -> None:
    rng = random.Random(1)
    values = sorted(rng.lognormvariate(-1, 2) for _ in range(10_000))
    exact = values[max(0, round(len(values) * percent / 100) - 1)]
    assert histogram(values).percentile(percent) == pytest.approx(exact, rel=RELATIVE_ERROR * 1.01)


def test_parts_merge_to_the_histogram_of_the_whole() -> None:
    values = [0.001 * number**2 for number in range(500)]
    whole = Histogram()
    for part in range(7):
        whole.merge(histogram(values[part::7]))
    assert whole == histogram(values)


def test_it_comes_back_from_json() -> None:
    for values in ([], [0.3, 2.0, 0.3]):
        made = histogram(values)
        assert Histogram.load(json.loads(json.dumps(made.dump()))) == made


def test_nothing_has_no_percentile_and_negative_values_count_as_none() -> None:
    assert Histogram().percentile(95) is None
    early = histogram([-0.2, -0.1])
    assert (early.count, early.percentile(95)) == (2, -0.1)
