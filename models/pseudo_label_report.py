"""The iterations of pseudo-labelling side by side: `report.md`, `report.json` and `report.png` beside their folders."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from rapidfuzz.distance import Levenshtein

from models.filter_report import read_dropped
from models.manifest import Example
from models.reports import Figure, new_figure, table, write_report_files
from models.stage import OPTIONS, read_stage

_BINS = [each / 100 for each in range(51)]


@dataclass(frozen=True, slots=True)
class Iteration:
    """`corrected`: share of the kept utterances whose correction is no copy of what was heard. `edit_rate`: mean over
    all that were corrected at all, kept or not. `changed`: mean edit distance, 0 to 1, of the characters heard from
    those heard in the iteration before. The last three are None where there is nothing to compare."""

    number: int
    model: str
    corrector: str
    utterances: int
    kept: int
    kept_hours: float
    reasons: Mapping[str, int]
    corrected: float | None
    edit_rate: float | None
    changed: float | None


def write_report(folder: Path, max_edit_rate: float) -> list[Iteration]:
    """Reports on all iterations in `folder`. Raises BadRequest without the extra `eval`."""
    paths = sorted(folder.glob("iteration-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    found: list[Iteration] = []
    rates: dict[str, list[float]] = {}
    before: Mapping[str, str] = {}
    for path in paths:
        kept, dropped = read_stage(path), read_dropped(path)
        options = json.loads((path / OPTIONS).read_text("utf-8"))
        found.append(_describe(int(path.name.rpartition("-")[2]), options, kept, dropped, before))
        rates[path.name] = [each.scores["edit_rate"] for each in [*kept, *dropped] if "edit_rate" in each.scores]
        before = _heard([*kept, *dropped])
    values = {"iterations": [asdict(each) for each in found]}
    write_report_files(folder, values, markdown(found), plot(rates, max_edit_rate))
    return found


def markdown(iterations: Sequence[Iteration]) -> str:
    """The iterations as a table."""
    rows = [
        [
            str(each.number),
            each.model,
            each.corrector,
            f"{each.utterances:,}",
            f"{each.kept:,}",
            f"{each.kept_hours:.2f}",
            *(_shown(share) for share in (each.corrected, each.edit_rate, each.changed)),
            "; ".join(f"{reason}: {times:,}" for reason, times in each.reasons.items()) or "–",
        ]
        for each in iterations
    ]
    headings = ["", "model", "corrector", "utterances", "kept", "hours", "corrected", "edit rate", "changed", "dropped"]
    lines = [
        "# Pseudo-labels",
        "",
        *table(headings, rows),
        "",
        "corrected: share of the kept texts that are no copy of what was heard; edit rate: mean between what was heard",
        "and its correction, in percent; changed: of what was heard, against the iteration before, in percent.",
    ]
    return "\n".join(lines) + "\n"


def plot(rates: Mapping[str, Sequence[float]], max_edit_rate: float) -> Figure:
    """Histogram of the edit rates of each iteration; those over 0.5 count as 0.5."""
    figure = new_figure(8, 4)
    axes = figure.subplots()
    for name, found in rates.items():
        axes.hist(np.minimum(found, _BINS[-1]), bins=_BINS, histtype="step", label=name)
    axes.axvline(max_edit_rate, color="black", linestyle="--", label=f"threshold {max_edit_rate:g}")
    axes.set_xlabel("edit rate between hypothesis and correction")
    axes.set_ylabel("utterances")
    axes.legend()
    return figure


def _describe(
    number: int,
    options: Mapping[str, str],
    kept: Sequence[Example],
    dropped: Sequence[Example],
    before: Mapping[str, str],
) -> Iteration:
    heard = _heard([*kept, *dropped])
    rates = [each.scores["edit_rate"] for each in [*kept, *dropped] if "edit_rate" in each.scores]
    both = heard.keys() & before.keys()
    return Iteration(
        number=number,
        model=options["model"],
        corrector=options["corrector"],
        utterances=len(kept) + len(dropped),
        kept=len(kept),
        kept_hours=round(sum(each.duration or 0.0 for each in kept) / 3600, 4),
        reasons=dict(Counter(str(each.extra["reason"]) for each in dropped).most_common()),
        corrected=_mean([each.text != each.extra["heard"] for each in kept]),
        edit_rate=_mean(rates),
        changed=_mean([Levenshtein.normalized_distance(heard[name], before[name]) for name in both]),
    )


def _heard(examples: Sequence[Example]) -> dict[str, str]:
    return {each.id: str(each.extra["heard"]) for each in examples if "heard" in each.extra}


def _mean(values: Sequence[float]) -> float | None:
    return round(fmean(values), 4) if values else None


def _shown(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"
