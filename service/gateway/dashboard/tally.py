"""Figures of a span of time, added up: counters by their labels, histograms as percentiles and means."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from service.gateway.dashboard.percentiles import percentile
from service.metrics import BATCH_SIZES, COST_S, LATENCY_S, REAL_TIME_FACTORS, Figure

EDGES: dict[str, Sequence[float]] = {
    "final_seconds": LATENCY_S,
    "first_partial_seconds": LATENCY_S,
    "turn_wait_seconds": COST_S,
    "batch_size": BATCH_SIZES,
    "real_time_factor": REAL_TIME_FACTORS,
}


class Histogram:
    """Counts between the edges of a metric, and the sum of what was counted."""

    def __init__(self, edges: Sequence[float]) -> None:
        self._edges = edges
        self._counts = [0.0] * (len(edges) + 1)
        self._places = {edge: place for place, edge in enumerate((*edges, float("inf")))}
        self._sum = 0.0

    def add(self, edge: str, amount: float) -> None:
        """Takes a figure: a bucket's edge, or `sum`. An edge of another version of Sotto is left out."""
        if edge == "sum":
            self._sum += amount
        elif (place := self._places.get(float(edge))) is not None:
            self._counts[place] += amount

    @property
    def count(self) -> int:
        return round(sum(self._counts))

    @property
    def mean(self) -> float | None:
        return round(self._sum / self.count, 4) if self.count else None

    def percentile(self, share: float) -> float | None:
        found = percentile(self._counts, self._edges, share)
        return None if found is None else round(found, 4)


class Tally:
    """The sum of some slots."""

    def __init__(self, slots: Iterable[Mapping[Figure, float]]) -> None:
        self._sums: Counter[Figure] = Counter()
        for figures in slots:
            self._sums.update(figures)

    def total(self, name: str, *first: str) -> float:
        """Of a counter, over all labels behind the first."""
        wanted = (name, *first)
        return sum(amount for figure, amount in self._sums.items() if figure[: len(wanted)] == wanted)

    def by_label(self, name: str, place: int = 0) -> dict[str, float]:
        """Of a counter, by the label at a place; the largest first."""
        found: Counter[str] = Counter()
        for figure, amount in self._sums.items():
            if figure[0] == name:
                found[figure[1 + place]] += amount
        return dict(found.most_common())

    def histogram(self, name: str, *labels: str) -> Histogram:
        """Of all labels together where none are given."""
        found = Histogram(EDGES[name])
        for figure, amount in self._sums.items():
            if figure[0] == name and (not labels or figure[1:-1] == labels):
                found.add(figure[-1], amount)
        return found
