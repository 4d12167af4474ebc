"""What clients were told, held against what they should have been told. Pure: the clock is an argument."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sotto_client import Acknowledged, Event, Final, Finished, Problem, Resumed, SpeechEnded, SpeechStarted

SAMPLES_TOLERANCE_S = 0.002  # `duration` is told in milliseconds


@dataclass(frozen=True, slots=True)
class Said:
    """A final of the undisturbed run."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was not kept; `after` is the fault that came last."""

    at: float
    who: str
    what: str
    after: str


@dataclass
class Hearing:
    """How far one client is served: when it last heard that audio is safe, and which finals it waits for."""

    heard_at: float = 0.0
    waiting: dict[str, float] = field(default_factory=dict)

    def note(self, event: Event, now: float) -> float | None:
        """Seconds that a final took since its endpoint was told, if the event is one."""
        if isinstance(event, SpeechEnded):
            self.waiting[event.id] = now
        elif isinstance(event, (Final, Problem)) and event.id in self.waiting:
            return now - self.waiting.pop(event.id)
        elif not isinstance(event, Resumed):
            self.heard_at = now
        return None

    def is_served_since(self, moment: float) -> bool:
        """Whether it has heard something after `moment`, and waits for nothing from before."""
        return self.heard_at > moment and not any(since < moment for since in self.waiting.values())


@dataclass
class Ledger:
    """All clients together. `counts` has streams, jobs, uploads, refusals, resumptions, finals, acknowledged bytes."""

    hearings: list[Hearing] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    finals_s: list[tuple[float, float]] = field(default_factory=list)  # when, and how long it took
    last_fault: str = "none"

    def join(self) -> Hearing:
        self.hearings.append(Hearing())
        return self.hearings[-1]

    def accuse(self, now: float, who: str, what: str) -> None:
        self.violations.append(Violation(now, who, what, self.last_fault))

    def all_served_since(self, moment: float) -> bool:
        return all(hearing.is_served_since(moment) for hearing in self.hearings)


def broken_promises(events: Sequence[Event], expected: Sequence[Said], seconds: float) -> list[str]:
    """What is wrong with the events of a stream that came to its end and should have said `expected`."""
    wrong = []
    seqs = [event.seq for event in events]
    if any(later <= earlier for earlier, later in pairwise(seqs)):
        wrong.append("events repeated or out of order")
    for kind in (Final, SpeechStarted, SpeechEnded):
        ids = Counter(event.id for event in events if isinstance(event, kind))
        wrong += [f"{kind.__name__} of {each} came {times} times" for each, times in ids.items() if times > 1]
    wrong += [f"error {e.code}: {e.message}" for e in events if isinstance(e, Problem)]
    safe = [event.bytes for event in events if isinstance(event, (Acknowledged, Resumed))]
    if safe != sorted(safe):
        wrong.append("acknowledged audio was lost: the server asked for it again")
    said = [Said(final.text, final.start, final.end) for final in events if isinstance(final, Final)]
    if said != list(expected):
        differing = next((i for i, (a, b) in enumerate(zip(said, expected, strict=False)) if a != b), len(said))
        wrong.append(f"{len(said)} finals, {len(expected)} expected; the first that differs is {differing}")
    heard = [event.duration for event in events if isinstance(event, Finished)]
    if len(heard) != 1 or abs(heard[0] - seconds) > SAMPLES_TOLERANCE_S:
        wrong.append(f"heard {heard} s of {seconds:.3f} s")
    return wrong
