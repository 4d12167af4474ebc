"""Which model a worker process loads next, and which it lets go for that: a pure policy."""

from collections.abc import Sequence
from dataclasses import dataclass

GRACE_S = 5.0  # an unwanted model goes when nobody has used it for so long: gateways may route to it a moment longer


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that is loaded, or that there is reason to load. Times are monotonic seconds.

    `wanted`: it shall be loaded. `anew`: that was said since it was last looked at. `used`: streams, recordings, jobs
    or turns need it, wanted or not. `needed_at`: when it was last wanted or used.
    """

    id: str
    bytes: int
    loaded: bool
    wanted: bool
    anew: bool
    used: bool
    used_at: float
    needed_at: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Models to let go, then one to load. `no_room`: those that are asked for and do not fit beside what is in use."""

    drop: tuple[str, ...] = ()
    load: str | None = None
    no_room: frozenset[str] = frozenset()


def plan(candidates: Sequence[Candidate], *, limit_bytes: int, now: float) -> Plan:
    """`limit_bytes` of all models together; 0: no limit.

    A model in use is never let go. What is idle makes room, the least recently used first, but only for a model that
    is used or was just asked for: others wait until there is room, so that two idle ones do not take turns.
    """
    left = tuple(c.id for c in candidates if c.loaded and not c.wanted and not c.used and now - c.needed_at >= GRACE_S)
    stay = [c for c in candidates if c.loaded and c.id not in left]
    idle = sorted((c for c in stay if not c.used), key=lambda c: c.used_at)
    room = limit_bytes - sum(c.bytes for c in stay) if limit_bytes else None
    missing = sorted((c for c in candidates if not c.loaded), key=lambda c: (not c.used, not c.anew))
    no_room: set[str] = set()
    for candidate in missing:
        urgent = candidate.used or candidate.anew
        gone = _victims(candidate.bytes, room, idle if urgent else [])
        if gone is not None:
            return Plan((*left, *gone), candidate.id, frozenset(no_room))
        if urgent:
            no_room.add(candidate.id)
    return Plan(left, None, frozenset(no_room))


def _victims(wanted_bytes: int, room: int | None, idle: Sequence[Candidate]) -> tuple[str, ...] | None:
    """The first of `idle` that must go until `wanted_bytes` fit; None where they do not fit even then."""
    if room is None:
        return ()
    gone: list[str] = []
    for victim in idle:
        if room >= wanted_bytes:
            break
        gone.append(victim.id)
        room += victim.bytes
    return tuple(gone) if room >= wanted_bytes else None
