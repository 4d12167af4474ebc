"""A histogram of latencies that can be merged: counts in buckets whose bounds grow by a fixed factor.

As in HdrHistogram and DDSketch, a percentile is exact to a relative error, here 1 %, whatever the range; unlike the
fixed arrays of the first, only buckets in use take room, so that every few seconds of a long run can have their own.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

RELATIVE_ERROR = 0.01
_GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LEAST = 1e-5  # seconds: what is smaller, negative values too, counts as this
_LOG_GROWTH = math.log(_GROWTH)


@dataclass(slots=True)
class Histogram:
    """Of values in seconds. `max` is exact."""

    counts: Counter[int] = field(default_factory=Counter)
    max: float = -math.inf

    def add(self, value: float) -> None:
        self.counts[_bucket(value)] += 1
        self.max = max(self.max, value)

    def merge(self, other: "Histogram") -> None:
        self.counts.update(other.counts)
        self.max = max(self.max, other.max)

    @property
    def count(self) -> int:
        return self.counts.total()

    def percentile(self, percent: float) -> float | None:
        """The value that `percent` of all do not exceed, within 1 %; None when there are none."""
        if not self.counts:
            return None
        rank = max(1, math.ceil(self.count * percent / 100))
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                break
        return min(self.max, _middle(bucket))

    def dump(self) -> dict[str, object]:
        counts = {str(bucket): count for bucket, count in sorted(self.counts.items())}
        return {"counts": counts, "max": self.max if counts else None}

    @classmethod
    def load(cls, values: Mapping[str, object]) -> "Histogram":
        """The inverse of `dump`. Raises KeyError, TypeError, ValueError."""
        counts, greatest = values["counts"], values["max"]
        if not isinstance(counts, dict):
            raise TypeError("counts are no object")
        known = Counter({int(bucket): int(count) for bucket, count in counts.items()})
        return cls(known, -math.inf if greatest is None else float(str(greatest)))


def histogram(values: Iterable[float]) -> Histogram:
    made = Histogram()
    for value in values:
        made.add(value)
    return made


def _bucket(value: float) -> int:
    return math.ceil(math.log(max(value, _LEAST) / _LEAST) / _LOG_GROWTH)


def _middle(bucket: int) -> float:
    return _LEAST * _GROWTH**bucket * 2 / (1 + _GROWTH)
