"""What the event log of a stream says about latency. Pure: every time is in seconds of the stream.

A stream is paced, so second t of its audio is spoken t seconds after its start, and an event that arrived at t is
`t - end` late for something that ended at `end`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from sotto_client import Event, Final, Partial

_LEAST_OVERLAP_S = 0.1  # a final that only touches an utterance does not cover it


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was truly said, and when."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event and the stream time at which the client had it."""

    at: float
    event: Event


@dataclass(frozen=True, slots=True)
class StreamLog:
    """One client's run. `error` is the code that ended it early, None for a stream that finished; `audible` are the
    times at which each endpoint could be heard, where they are known."""

    utterances: tuple[Utterance, ...]
    arrivals: tuple[Arrival, ...]
    duration: float
    lateness: tuple[float, ...] = ()
    error: str | None = None
    audible: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Captioned:
    """One utterance as the server cut it, with the true utterances that it covers, in order, at least one."""

    covers: tuple[Utterance, ...]
    partials: tuple[Arrival, ...]  # the non-empty ones
    final: Final
    final_at: float
    begins: bool  # no earlier final covers the first of `covers`
    completes: bool  # no later final covers the last of `covers`


def captioned(log: StreamLog) -> list[Captioned]:
    """The server's utterances in which something was truly said, in order."""
    finals = [(arrival.at, arrival.event) for arrival in log.arrivals if isinstance(arrival.event, Final)]
    covered = [tuple(u for u in log.utterances if _overlap_s(final, u) >= _LEAST_OVERLAP_S) for _, final in finals]
    partials = _partials_by_id(log.arrivals)
    found = []
    for index, (at, final) in enumerate(finals):
        covers = covered[index]
        if covers:
            begins = not any(covers[0] in earlier for earlier in covered[:index])
            completes = not any(covers[-1] in later for later in covered[index + 1 :])
            found.append(Captioned(covers, tuple(partials.get(final.id, ())), final, at, begins, completes))
    return found


def missed(log: StreamLog) -> list[Utterance]:
    """What was said and is covered by no final."""
    covered = {utterance for item in captioned(log) for utterance in item.covers}
    return [utterance for utterance in log.utterances if utterance not in covered]


def first_text_delays(log: StreamLog) -> list[float]:
    """From the start of speech to the first caption: the first partial, or the final where none came before."""
    return [
        (item.partials[0].at if item.partials else item.final_at) - item.covers[0].start
        for item in captioned(log)
        if item.begins and (item.partials or item.final.text)
    ]


def final_delays(log: StreamLog) -> list[tuple[float, float]]:
    """(end of speech, delay): from the true end of speech to the final that completes it.

    A final over two utterances with a short pause counts once, for the end of the second.
    """
    return [(item.covers[-1].end, item.final_at - item.covers[-1].end) for item in captioned(log) if item.completes]


def refresh_gaps(log: StreamLog) -> list[float]:
    """Per utterance the longest time without a new caption while speech lasts, from its start to its end."""
    gaps = []
    for item in captioned(log):
        start = item.covers[0].start if item.begins else max(item.covers[0].start, item.final.start)
        end = min(item.covers[-1].end, item.final_at)
        if end > start:
            moments = [start, *(p.at for p in item.partials if start < p.at < end), end]
            gaps.append(max(later - earlier for earlier, later in pairwise(moments)))
    return gaps


def commit_delays(log: StreamLog) -> list[float]:
    """Per word of every final: from the word's end, by the final's own word times, to when it first stood committed.

    Words are found in committed text by counting letters, which also works where words have no spaces between them.
    """
    delays = []
    for item in captioned(log):
        committed = [(p.at, _letters(p.event.committed)) for p in item.partials if isinstance(p.event, Partial)]
        needed = 0
        for word in item.final.words:
            needed += _letters(word.word)
            at = next((at for at, letters in committed if letters >= needed), item.final_at)
            delays.append(at - word.end)
    return delays


def final_arrivals(log: StreamLog) -> list[float]:
    """When each final came, in their order."""
    return [arrival.at for arrival in log.arrivals if isinstance(arrival.event, Final)]


def repeated(log: StreamLog) -> int:
    """Finals that came again: a client must get each once, whatever its connections went through."""
    ids = [arrival.event.id for arrival in log.arrivals if isinstance(arrival.event, Final)]
    return len(ids) - len(set(ids))


def disorder(log: StreamLog) -> int:
    """Finals that came after one of later speech."""
    starts = [arrival.event.start for arrival in log.arrivals if isinstance(arrival.event, Final)]
    return sum(later < earlier for earlier, later in pairwise(starts))


def transcript(log: StreamLog) -> str:
    """All finals in order."""
    return " ".join(arrival.event.text for arrival in log.arrivals if isinstance(arrival.event, Final)).strip()


def _partials_by_id(arrivals: Iterable[Arrival]) -> dict[str, list[Arrival]]:
    partials: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        if isinstance(arrival.event, Partial) and arrival.event.text.strip():
            partials.setdefault(arrival.event.id, []).append(arrival)
    return partials


def _overlap_s(final: Final, utterance: Utterance) -> float:
    return min(final.end, utterance.end) - max(final.start, utterance.start)


def _letters(text: str) -> int:
    return sum(not character.isspace() for character in text)
