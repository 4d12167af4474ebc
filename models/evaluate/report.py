"""An evaluation for people and programs: `report.md`, `report.json`, `report.png` and `items.jsonl`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.evaluate.evaluation import Evaluation, Figure, Slice
from models.evaluate.metrics import Metric
from models.evaluate.plot import plot
from models.evaluate.resampling import Difference
from models.reports import table, write_report_files
from models.scoring.manifest import Item
from models.scoring.table import details
from models.stage import write_whole

SLICED = ("ier", "mer", "cer", "recall")  # columns of the tables of slices
_ITEMS = "items.jsonl"
_SIGNIFICANT = 0.05


def write(folder: Path, evaluation: Evaluation, items: Sequence[Item], texts: Mapping[str, Mapping[str, str]]) -> None:
    """Raises BadRequest without the extra `eval`, StageFull when the disk takes no more."""
    write_report_files(folder, as_json(evaluation), markdown(evaluation), plot(evaluation))
    lines = [
        json.dumps({"system": system, **record}, ensure_ascii=False) + "\n"
        for system, one in evaluation.scores.items()
        for record in details(items, texts[system], one)
    ]
    write_whole(folder / _ITEMS, "".join(lines))


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Percentages with four digits; the first slice is all utterances."""
    rounded: dict[str, Any] = _rounded(
        {
            "systems": evaluation.systems,
            "options": asdict(evaluation.options),
            "slices": [asdict(one) for one in evaluation.slices],
            "missing": evaluation.missing,
        }
    )
    return rounded


def markdown(evaluation: Evaluation) -> str:
    """The report as tables."""
    options, whole = evaluation.options, evaluation.whole
    drawn = options.block_by or "utterance"
    lines = [
        "# Evaluation",
        "",
        f"{whole.utterances:,} utterances, {whole.words:,} words. Normalised by the rules of `{options.rules}`"
        f"{', accents folded' if options.fold_accents else ''}; weight of a keyword in IER: {options.keyword_weight:g}."
        f" Intervals hold {100 * options.resampling.confidence:g} % of {options.resampling.resamples:,} resampled test"
        f" sets, drawn by {drawn} ({whole.blocks:,} of them), seed {options.resampling.seed}.",
        "",
        *_metrics_table(evaluation),
    ]
    if len(evaluation.systems) > 1:
        lines += ["", *_comparison(evaluation)]
    for name in options.by:
        lines += ["", f"## By {name}", "", *_slices_table(evaluation, name)]
    for system, missing in evaluation.missing.items():
        shown = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
        lines += ["", f"{system} has no transcript of {len(missing):,} utterances, which count as empty: {shown}."]
    return "\n".join([*lines, "", "![figures](report.png)"]) + "\n"


def _metrics_table(evaluation: Evaluation) -> list[str]:
    rows = [
        [
            metric.label.removesuffix(" %"),
            *(_shown(evaluation.whole.figures[each][metric.name]) for each in evaluation.systems),
        ]
        for metric in evaluation.metrics
    ]
    return table(["%", *evaluation.systems], rows)


def _comparison(evaluation: Evaluation) -> list[str]:
    baseline, candidate = evaluation.systems
    rows = []
    for metric in evaluation.metrics:
        difference = evaluation.whole.differences[metric.name]
        if difference is not None:
            rows.append([metric.label.removesuffix(" %"), *_compared(metric, difference)])
    headings = ["", "points", "interval", "relative %", "p", f"{candidate} is"]
    return [f"## {candidate} against {baseline}", "", *table(headings, rows)]


def _compared(metric: Metric, difference: Difference) -> list[str]:
    interval, relative, p_value = difference.interval, difference.relative, difference.p_value
    verdict = "not told apart"
    if p_value is not None and p_value < _SIGNIFICANT:
        verdict = "better" if (difference.points > 0) == metric.higher_is_better else "worse"
    return [
        f"{difference.points:+.2f}",
        f"{interval.low:+.2f} to {interval.high:+.2f}" if interval else "–",
        f"{100 * relative:+.1f}" if relative is not None else "–",
        f"{p_value:.4f}" if p_value is not None else "–",
        verdict,
    ]


def _slices_table(evaluation: Evaluation, name: str) -> list[str]:
    shown = [metric for metric in evaluation.metrics if metric.name in SLICED]
    several = len(evaluation.systems) > 1
    rows = [
        [
            one.value,
            f"{one.utterances:,}",
            f"{one.words:,}",
            *([system] if several else []),
            *_cells(one, system, shown),
        ]
        for one in evaluation.slices
        if one.field == name
        for system in evaluation.systems
    ]
    return table([name, "utterances", "words", *(["system"] if several else []), *(each.label for each in shown)], rows)


def _cells(one: Slice, system: str, shown: Sequence[Metric]) -> list[str]:
    return [_shown(one.figures[system][metric.name]) for metric in shown]


def _shown(figure: Figure) -> str:
    if figure.percent is None:
        return "–"
    interval = figure.interval
    return f"{figure.percent:.2f}" + (f" ({interval.low:.2f} to {interval.high:.2f})" if interval else "")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return value
