"""Which of the waiting turns are decoded next, as one batch: a pure policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from service.log.store import TurnKind

T = TypeVar("T")

RANK: dict[TurnKind, int] = {"final": 0, "partial": 1, "bulk": 2}


@dataclass(frozen=True, slots=True)
class Waiting(Generic[T]):
    """A turn that is ready to decode: `bucket` is its encoder window in seconds, `since_ms` when it was asked for."""

    kind: TurnKind
    bucket: float
    since_ms: float
    item: T


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """`max_batch` turns at most; a batch that is not full waits `gather_ms` for company; bulk turns never hold more
    than `bulk_slots` of the decode slots, and count as partials once they have waited `bulk_patience_ms`."""

    max_batch: int
    gather_ms: float = 0.0
    bulk_slots: int = 1
    bulk_patience_ms: float = 2_000.0


def next_batch(
    waiting: Sequence[Waiting[T]], policy: BatchPolicy, *, now_ms: float, free_slots: int, bulk_running: int
) -> list[Waiting[T]]:
    """The most urgent turn with others of its kind and window; empty means wait.

    Finals go before partials before bulk, older ones first. When several slots are free the turns are shared
    out among them, so two utterances start at once on two slots instead of one after the other.
    """
    if free_slots < 1:
        return []
    bulk_allowed = bulk_running < policy.bulk_slots
    eligible = [w for w in waiting if w.kind != "bulk" or bulk_allowed]
    if not eligible:
        return []
    ordered = sorted(eligible, key=lambda w: urgency(w, policy, now_ms))
    head = ordered[0]
    alike = [w for w in ordered if w.kind == head.kind and w.bucket == head.bucket]
    slots = min(free_slots, policy.bulk_slots - bulk_running) if head.kind == "bulk" else free_slots
    size = min(policy.max_batch, -(-len(alike) // slots))
    if len(alike) < policy.max_batch and now_ms - head.since_ms < policy.gather_ms:
        return []
    return alike[:size]


def urgency(waiting: Waiting[T], policy: BatchPolicy, now_ms: float) -> tuple[int, float]:
    """The lower, the sooner: the rank of its kind, then the time since when it waits."""
    patient = waiting.kind != "bulk" or now_ms - waiting.since_ms < policy.bulk_patience_ms
    return (RANK[waiting.kind] if patient else RANK["partial"], waiting.since_ms)
