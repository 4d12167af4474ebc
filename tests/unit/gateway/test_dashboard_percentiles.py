"""Percentiles of buckets against those of the values themselves."""

from bisect import bisect_left

import numpy as np
import pytest

from service.gateway.dashboard.percentiles import percentile
from service.gateway.dashboard.series import COLUMNS, points
from service.gateway.dashboard.tally import Tally
from service.metrics import LATENCY_S
from tests.e2e.recordings import samples


def counts_of(values: np.ndarray) -> list[float]:
    counts = [0.0] * (len(LATENCY_S) + 1)
    for value in values:
        counts[bisect_left(LATENCY_S, value)] += 1
    return counts


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_percentile_lies_in_the_bucket_of_the_true_one(share: float) -> None:
    loudness = np.abs(samples("demo").astype(np.float64)[::40])
    values = 0.06 + loudness / loudness.max() * 4  # real speech: heavy at the low end, with a long tail
    found = percentile(counts_of(values), LATENCY_S, share)
    true = float(np.quantile(values, share, method="inverted_cdf"))
    assert found is not None
    edges = (0.0, *LATENCY_S)
    assert edges[bisect_left(LATENCY_S, true)] <= found <= LATENCY_S[bisect_left(LATENCY_S, true)]


def test_nothing_counted_has_no_percentile() -> None:
    assert percentile([0.0] * 3, (1.0, 2.0), 0.5) is None


def test_beyond_the_last_edge_only_that_is_known() -> None:
    assert percentile([0.0, 0.0, 9.0], (1.0, 2.0), 0.5) == 2.0


def test_first_bucket_begins_at_zero() -> None:
    assert percentile([10.0, 0.0, 0.0], (1.0, 2.0), 0.25) == pytest.approx(0.25)


def test_figures_of_processes_add_up_by_label() -> None:
    one = {("final_seconds", "base", "0.4"): 3.0, ("final_seconds", "base", "sum"): 1.2, ("words", "base"): 40.0}
    other = {("final_seconds", "tiny", "0.5"): 1.0, ("final_seconds", "tiny", "sum"): 0.4, ("words", "tiny"): 2.0}
    tally = Tally([one, other])
    assert tally.by_label("words") == {"base": 40.0, "tiny": 2.0}
    assert tally.histogram("final_seconds").count == 4
    assert tally.histogram("final_seconds").mean == pytest.approx(0.4)
    assert tally.histogram("final_seconds", "tiny").count == 1


def test_edge_of_another_version_is_left_out() -> None:
    assert Tally([{("final_seconds", "base", "0.123"): 3.0}]).histogram("final_seconds").count == 0


def test_points_take_rates_over_a_minute_and_have_gaps_where_nobody_wrote() -> None:
    figures = {slot: {("words", "base"): 5.0, ("streams",): float(slot)} for slot in range(100, 110)}
    drawn = [dict(zip(COLUMNS, point, strict=True)) for point in points({90: {}} | figures)]
    assert drawn[0] == {"at": 900.0} | dict.fromkeys(COLUMNS[1:])
    assert drawn[-1]["words_per_minute"] == 30.0
    assert drawn[-1]["streams"] == 109.0
    assert drawn[-1]["final_p50_s"] is None
    assert points(figures, last=2) == points(figures)[-2:]
