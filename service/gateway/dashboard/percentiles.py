"""Percentiles of what was counted in buckets."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate


def percentile(counts: Sequence[float], edges: Sequence[float], share: float) -> float | None:
    """The value that `share` (0 to 1) of what was counted does not exceed; None when nothing was counted.

    `edges`: upper ones, rising; `counts`: one more, for what lies beyond the last. Within a bucket values are taken to
    lie evenly from the edge below, 0 for the first, as Prometheus's `histogram_quantile` does; of what lies beyond the
    last edge only that edge is known.
    """
    up_to = list(accumulate(counts))
    if not up_to[-1]:
        return None
    wanted = share * up_to[-1]
    bucket = bisect_left(up_to, wanted)
    if bucket >= len(edges):
        return edges[-1]
    lower = edges[bucket - 1] if bucket else 0.0
    below = up_to[bucket - 1] if bucket else 0.0
    return lower + (edges[bucket] - lower) * (wanted - below) / (counts[bucket] or 1.0)
