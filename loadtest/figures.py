"""What a run measured, in a form that merges: of one process, of all processes, of all machines. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtest.accuracy import WordErrors, word_errors
from loadtest.histogram import Histogram
from loadtest.timings import (
    StreamLog,
    commit_delays,
    disorder,
    final_arrivals,
    final_delays,
    first_text_delays,
    missed,
    refresh_gaps,
    repeated,
    transcript,
)

TICK_S = 5  # the run is cut into pieces of so many seconds
BREAKING_TICKS = 2

LATENCIES = {
    "first_caption": "first caption after start of speech",
    "word": "word committed after its end",
    "final": "final after true end of speech",
    "added": "final after its endpoint could be heard",
    "caption_gap": "longest gap between captions in an utterance",
    "opening": "stream opened",
    "upload": "upload transcribed",
    "job": "job finished",
    "pacing": "audio sent later than due (client's own fault)",
}
_PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0}
COUNTS = (
    "streams",
    "utterances",
    "errors",
    "lost_utterances",
    "lost_words",
    "repeated_finals",
    "disordered_finals",
    "connections_cut",
    "uploads",
    "jobs",
)
DERIVED = (
    "wer_percent",
    "most_open_streams",
    "breaking_point_streams",
    "bulk_speed",
    "backlog_growth_ms",
)


@dataclass(slots=True)
class Tick:
    """A piece of the run: greatest number of open streams, latencies of the finals that came in it, errors."""

    open_streams: int = 0
    finals: Histogram = field(default_factory=Histogram)
    errors: int = 0


@dataclass(slots=True)
class Figures:
    """Sums and histograms. `words`: errors and words of the reference; `audio_s`: what uploads and jobs held."""

    latency: dict[str, Histogram] = field(default_factory=lambda: {name: Histogram() for name in LATENCIES})
    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    words: WordErrors = field(default_factory=lambda: WordErrors(0, 0))
    early: Histogram = field(default_factory=Histogram)  # finals of the first quarter of the streams, and of the last
    late: Histogram = field(default_factory=Histogram)
    ticks: dict[int, Tick] = field(default_factory=dict)
    recorded_s: float = 0.0
    working_s: float = 0.0
    client_cpu_s: float = 0.0

    # ---- taking notes

    def tick(self, at_s: float) -> Tick:
        return self.ticks.setdefault(int(at_s // TICK_S), Tick())

    def fail(self, code: str, at_s: float) -> None:
        self.counts["errors"] += 1
        self.errors[code] += 1
        self.tick(at_s).errors += 1

    def add_stream(self, log: StreamLog, *, started_s: float) -> None:
        """The log of a live stream whose first sample was spoken at second `started_s` of the run."""
        self.counts["streams"] += 1
        if log.error is not None:
            self.fail(log.error, started_s + log.duration)
        lost = missed(log)
        self.counts["utterances"] += len(log.utterances)
        self.counts["lost_utterances"] += len(lost)
        self.counts["lost_words"] += sum(len(utterance.text.split()) for utterance in lost)
        self.counts["repeated_finals"] += repeated(log)
        self.counts["disordered_finals"] += disorder(log)
        if log.error is None:
            self.words = self.words + word_errors(" ".join(u.text for u in log.utterances), transcript(log))
        self._note("first_caption", first_text_delays(log))
        self._note("word", commit_delays(log))
        self._note("caption_gap", refresh_gaps(log))
        self._note("pacing", log.lateness)
        for end, delay in final_delays(log):
            self.latency["final"].add(delay)
            self.tick(started_s + end + delay).finals.add(delay)
            if end < log.duration / 4:
                self.early.add(delay)
            elif end >= log.duration * 3 / 4:
                self.late.add(delay)
        arrivals = final_arrivals(log)
        if log.audible and len(arrivals) == len(log.audible):
            self._note("added", (at - heard for at, heard in zip(arrivals, log.audible, strict=True)))

    def _note(self, name: str, values: Iterable[float]) -> None:
        for value in values:
            self.latency[name].add(value)

    # ---- merging

    def merge(self, other: "Figures") -> None:
        """Adds what another process or machine measured in the same run."""
        for name, values in other.latency.items():
            self.latency[name].merge(values)
        self.counts.update(other.counts)
        self.errors.update(other.errors)
        self.words = self.words + other.words
        self.early.merge(other.early)
        self.late.merge(other.late)
        for number, tick in other.ticks.items():
            mine = self.ticks.setdefault(number, Tick())
            mine.open_streams += tick.open_streams
            mine.finals.merge(tick.finals)
            mine.errors += tick.errors
        self.recorded_s += other.recorded_s
        self.working_s = max(self.working_s, other.working_s)
        self.client_cpu_s += other.client_cpu_s

    def dump(self) -> dict[str, Any]:
        return {
            "latency": {name: values.dump() for name, values in self.latency.items()},
            "counts": dict(self.counts),
            "errors": dict(self.errors),
            "words": [self.words.errors, self.words.words],
            "early": self.early.dump(),
            "late": self.late.dump(),
            "ticks": {
                str(number): {"open": tick.open_streams, "finals": tick.finals.dump(), "errors": tick.errors}
                for number, tick in sorted(self.ticks.items())
            },
            "recorded_s": self.recorded_s,
            "working_s": self.working_s,
            "client_cpu_s": self.client_cpu_s,
        }

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> "Figures":
        """The inverse of `dump`. Raises KeyError, TypeError, ValueError for anything else."""
        return cls(
            latency={name: Histogram.load(values["latency"][name]) for name in LATENCIES},
            counts=Counter(values["counts"]),
            errors=Counter(values["errors"]),
            words=WordErrors(*values["words"]),
            early=Histogram.load(values["early"]),
            late=Histogram.load(values["late"]),
            ticks={
                int(number): Tick(tick["open"], Histogram.load(tick["finals"]), tick["errors"])
                for number, tick in values["ticks"].items()
            },
            recorded_s=values["recorded_s"],
            working_s=values["working_s"],
            client_cpu_s=values["client_cpu_s"],
        )

    # ---- reading

    def summary(self, *, breaking_final_ms: float) -> dict[str, float | None]:
        """Every figure by name, as thresholds know it; None for what was not measured."""
        found: dict[str, float | None] = {name: self.counts[name] for name in COUNTS}
        for name, values in self.latency.items():
            for label, percent in _PERCENTILES.items():
                found[f"{name}_{label}_ms"] = _ms(values.percentile(percent))
            found[f"{name}_max_ms"] = _ms(values.max if values.count else None)
        early, late = self.early.percentile(50), self.late.percentile(50)
        found["wer_percent"] = None if self.words.rate is None else 100 * self.words.rate
        found["most_open_streams"] = max((tick.open_streams for tick in self.ticks.values()), default=0)
        found["breaking_point_streams"] = breaking_point(self.ticks, limit_s=breaking_final_ms / 1000)
        found["bulk_speed"] = self.recorded_s / self.working_s if self.working_s else None
        found["backlog_growth_ms"] = None if early is None or late is None else _ms(late - early)
        return found


def merged(parts: Sequence[Figures]) -> Figures:
    whole = Figures()
    for part in parts:
        whole.merge(part)
    return whole


def breaking_point(ticks: Mapping[int, Tick], *, limit_s: float) -> int | None:
    """Open streams when the p95 of finals, over two ticks, first exceeded the limit; the most there were when it never
    did; None when nothing was final."""
    for number in sorted(ticks):
        window = Histogram()
        for earlier in range(number - BREAKING_TICKS + 1, number + 1):
            if tick := ticks.get(earlier):
                window.merge(tick.finals)
        p95 = window.percentile(95)
        if p95 is not None and p95 > limit_s:
            return ticks[number].open_streams
    if not any(tick.finals.count for tick in ticks.values()):
        return None
    return max(tick.open_streams for tick in ticks.values())


def is_figure(name: str) -> bool:
    """Whether a threshold may name it."""
    latencies = {f"{kind}_{label}_ms" for kind in LATENCIES for label in (*_PERCENTILES, "max")}
    return name in latencies or name in COUNTS or name in DERIVED


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 2)
