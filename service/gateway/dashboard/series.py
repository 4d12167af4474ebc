"""The last hour as points, one for each slot of ten seconds: what the charts draw."""

from collections.abc import Mapping

from service.gateway.dashboard.tally import Tally
from service.log.figures import SLOT_S
from service.log.store import TURN_KINDS
from service.metrics import Figure

MINUTE = 60 // SLOT_S  # slots over which rates and percentiles are taken
COLUMNS = (
    "at",
    "streams",
    "words_per_minute",
    "final_p50_s",
    "final_p95_s",
    "final_p99_s",
    "queue_final",
    "queue_partial",
    "queue_bulk",
    "real_time_factor",
    "batch_size",
    "refusals",
)

Point = tuple[float | None, ...]


def points(figures: Mapping[int, Mapping[Figure, float]], *, last: int | None = None) -> list[Point]:
    """A point for each slot, or of the `last` ones, oldest first: its Unix time, levels as they were seen in it, and
    rates and percentiles of the minute that ends with it. None where nothing is known."""
    slots = list(figures)
    return [
        _point(slot, figures[slot], [figures[each] for each in slots[max(0, place - MINUTE + 1) : place + 1]])
        for place, slot in list(enumerate(slots))[-last if last else None :]
    ]


def _point(slot: int, now: Mapping[Figure, float], minute: list[Mapping[Figure, float]]) -> Point:
    at = float(slot * SLOT_S)
    if not any(minute):
        return (at, *(None,) * (len(COLUMNS) - 1))
    tally = Tally(minute)
    finals = tally.histogram("final_seconds")
    return (
        at,
        now.get(("streams",)),
        tally.total("words"),
        *(finals.percentile(share) for share in (0.5, 0.95, 0.99)),
        *(now.get(("queue", kind)) for kind in TURN_KINDS),
        tally.histogram("real_time_factor").mean,
        tally.histogram("batch_size").mean,
        tally.total("refusals"),
    )
