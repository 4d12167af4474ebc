"""What a filter dropped and why: `report.md`, `report.json` and `report.png` in the stage's folder, over all shards."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np

from models.manifest import Example, read_examples
from models.reports import Figure, new_figure, table, write_report_files
from models.stage import read_stage

PLOTTED_VOICES = 20  # the most frequent ones: more boxes cannot be read
_BINS = [each / 40 for each in range(41)]


@dataclass(frozen=True, slots=True)
class Share:
    """Examples of one group; errors are rates of those that were heard at all, None where none was."""

    examples: int
    kept: int
    median_error: float | None
    p90_error: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """`reasons`: why examples were dropped, how often; `nearest`: examples that the threshold dropped last."""

    max_error: float
    all: Share
    reasons: dict[str, int]
    voices: dict[str, Share]
    languages: dict[str, Share]
    nearest: list[dict[str, object]]


def write_report(folder: Path, max_error: float) -> Report:
    """Reports on what the shards have written so far. Raises BadRequest without the extra `eval`."""
    kept, dropped = read_stage(folder), read_dropped(folder)
    report = describe(kept, dropped, max_error)
    write_report_files(folder, asdict(report), markdown(report), plot([*kept, *dropped], max_error))
    return report


def read_dropped(folder: Path) -> list[Example]:
    """What all shards dropped; `reason` is among the `extra` of each."""
    return [example for path in sorted(folder.glob("dropped-*.jsonl")) for example in read_examples(path)]


def describe(kept: Sequence[Example], dropped: Sequence[Example], max_error: float) -> Report:
    """The figures of the report."""
    nearest = sorted((each for each in dropped if "error" in each.scores), key=lambda each: each.scores["error"])
    return Report(
        max_error=max_error,
        all=_share(kept, dropped),
        reasons=dict(Counter(str(each.extra["reason"]) for each in dropped).most_common()),
        voices=_shares(kept, dropped, lambda each: each.voice or "unknown"),
        languages=_shares(kept, dropped, lambda each: each.language),
        nearest=[
            {"id": each.id, "error": each.scores["error"], "text": each.text, "heard": each.extra.get("heard", "")}
            for each in nearest[:10]
        ],
    )


def markdown(report: Report) -> str:
    """The report for people."""
    share = 100 * report.all.kept / max(report.all.examples, 1)
    lines = [
        "# Filter",
        "",
        f"{report.all.kept:,} of {report.all.examples:,} examples kept ({share:.1f} %), error at most"
        f" {report.max_error:g}. Distribution: report.png.",
        "",
        *table(["dropped because", "examples"], [[reason, f"{times:,}"] for reason, times in report.reasons.items()]),
    ]
    for heading, shares in (("voice", report.voices), ("language", report.languages)):
        rows = [[name, *_cells(one)] for name, one in shares.items()]
        lines += ["", *table([heading, "examples", "kept %", "median error", "90th percentile"], rows)]
    rows = [[str(each["id"]), str(each["error"]), str(each["text"]), str(each["heard"])] for each in report.nearest]
    lines += ["", "The dropped examples with the least errors:", ""]
    return "\n".join([*lines, *table(["id", "error", "text", "heard"], rows)]) + "\n"


def plot(examples: Sequence[Example], max_error: float) -> Figure:
    """Histogram of the errors, and a box for each of the most frequent voices. Rates over 1 count as 1."""
    scored = [each for each in examples if "error" in each.scores]
    voices = [name for name, _ in Counter(each.voice or "unknown" for each in scored).most_common(PLOTTED_VOICES)]
    figure = new_figure(10, 4 + 0.2 * len(voices))
    histogram, boxes = figure.subplots(1, 2)
    histogram.hist([_error(each) for each in scored], bins=_BINS)
    histogram.axvline(max_error, color="black", linestyle="--", label=f"threshold {max_error:g}")
    histogram.set_xlabel("error rate")
    histogram.set_ylabel("examples")
    histogram.legend()
    if voices:
        errors = [[_error(each) for each in scored if (each.voice or "unknown") == name] for name in voices]
        boxes.boxplot(errors, orientation="horizontal", tick_labels=voices)
    boxes.axvline(max_error, color="black", linestyle="--")
    boxes.set_xlabel("error rate by voice")
    return figure


def _shares(kept: Sequence[Example], dropped: Sequence[Example], group: Callable[[Example], str]) -> dict[str, Share]:
    names = Counter(group(each) for each in [*kept, *dropped])
    return {
        name: _share(*([each for each in examples if group(each) == name] for examples in (kept, dropped)))
        for name in sorted(names)
    }


def _share(kept: Sequence[Example], dropped: Sequence[Example]) -> Share:
    errors = [each.scores["error"] for each in [*kept, *dropped] if "error" in each.scores]
    if not errors:
        return Share(len(kept) + len(dropped), len(kept), None, None)
    return Share(
        len(kept) + len(dropped), len(kept), round(median(errors), 4), round(float(np.quantile(errors, 0.9)), 4)
    )


def _error(example: Example) -> float:
    return min(example.scores["error"], 1.0)


def _cells(share: Share) -> list[str]:
    rates = ["–" if rate is None else f"{rate:.3f}" for rate in (share.median_error, share.p90_error)]
    return [f"{share.examples:,}", f"{100 * share.kept / max(share.examples, 1):.1f}", *rates]
