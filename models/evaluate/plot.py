"""The picture of an evaluation: error rates with their intervals."""

from collections.abc import Sequence

from models.evaluate.evaluation import Evaluation, Figure
from models.reports import Figure as Picture
from models.reports import new_figure

PLOTTED = ("ier", "mer", "cer", "b_wer", "u_wer")
_GROUP_WIDTH = 0.8  # of the systems' bars side by side


def plot(evaluation: Evaluation) -> Picture:
    """Above all utterances by metric, below the integrated error rate by slice."""
    systems = evaluation.systems
    slices = [one for one in evaluation.slices[1:] if one.figures[systems[0]]["ier"].percent is not None]
    picture = new_figure(10, 4 + 0.25 * len(slices) * len(systems))
    upper, lower = picture.subplots(2, 1) if slices else (picture.subplots(), None)
    known = {
        name for each in evaluation.whole.figures.values() for name, one in each.items() if one.percent is not None
    }
    shown = [metric for metric in evaluation.metrics if metric.name in PLOTTED and metric.name in known]
    width = _GROUP_WIDTH / len(systems)
    for at, system in enumerate(systems):
        offset = (at - (len(systems) - 1) / 2) * width
        values, errors = _heights([evaluation.whole.figures[system][metric.name] for metric in shown])
        upper.bar([row + offset for row in range(len(shown))], values, width, yerr=errors, capsize=3, label=system)
        if lower:
            values, errors = _heights([one.figures[system]["ier"] for one in slices])
            lower.barh([row + offset for row in range(len(slices))], values, width, xerr=errors, capsize=3)
    upper.set_xticks(range(len(shown)), [metric.label for metric in shown])
    upper.legend()
    if lower:
        lower.set_yticks(range(len(slices)), [f"{one.field} {one.value}" for one in slices])
        lower.invert_yaxis()
        lower.set_xlabel("IER %")
    return picture


def _heights(figures: Sequence[Figure]) -> tuple[list[float], list[list[float]]]:
    """Values, and how far their intervals reach below and above."""
    values = [figure.percent or 0.0 for figure in figures]
    below, above = [], []
    for value, figure in zip(values, figures, strict=True):
        low, high = (figure.interval.low, figure.interval.high) if figure.interval else (value, value)
        below.append(max(value - low, 0.0))
        above.append(max(high - value, 0.0))
    return values, [below, above]
