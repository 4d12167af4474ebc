"""The metrics of a report, each a sum over utterances divided by another, so that slices and resamples just add up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.scoring.counts import Counts
from models.scoring.whisper_rules import UNSPACED

Floats = npt.NDArray[np.float64]
KEYWORD_WEIGHT = 1.0


@dataclass(frozen=True, slots=True)
class Metric:
    """`part` over `whole`; `spaced`: only of utterances in languages that are written with spaces."""

    name: str
    label: str
    part: Callable[[Counts], float]
    whole: Callable[[Counts], float]
    spaced: bool = False
    higher_is_better: bool = False


def metrics(keyword_weight: float = KEYWORD_WEIGHT) -> tuple[Metric, ...]:
    """All metrics, the integrated error rate first.

    **MER**, mixed error rate: substitutions, deletions and insertions over the tokens of the reference. Tokens are
    words where a script has spaces and characters where it has none, also side by side in one utterance.

    **IER**, integrated error rate, ours: with E token errors, N tokens of the reference, K keywords that were spoken
    (counted as often as they are), M of them missed and the weight w >= 0 of a keyword in tokens,

        IER = (E + w M) / (N + w K)

    Every spoken keyword is one more thing to get right, beside the tokens that spell it. So IER is 0 exactly when
    nothing is wrong, grows with each error and each missed keyword, equals MER where no keyword was spoken or w is 0
    (and so WER for English, CER for Chinese), and is their mean weighted by N and w K: it lies between MER and the
    share of keywords missed, M / K. Keywords that were heard but not spoken need no term: their words are errors
    already.

    **WER** is MER of utterances in languages with spaces, **CER** counts characters without spaces everywhere.
    **B-WER** and **U-WER** share out the token errors to the words of keywords and all others.
    """
    return (
        Metric(
            "ier",
            "IER %",
            lambda c: c.errors + keyword_weight * (c.phrases - c.recalled),
            lambda c: c.words + keyword_weight * c.phrases,
        ),
        Metric("mer", "MER %", lambda c: c.errors, lambda c: c.words),
        Metric("wer", "WER %", lambda c: c.errors, lambda c: c.words, spaced=True),
        Metric("cer", "CER %", lambda c: c.character_errors, lambda c: c.characters),
        Metric("b_wer", "B-WER %", lambda c: c.biased_errors, lambda c: c.biased_words),
        Metric("u_wer", "U-WER %", lambda c: c.other_errors, lambda c: c.words - c.biased_words),
        Metric("recall", "keyword recall %", lambda c: c.recalled, lambda c: c.phrases, higher_is_better=True),
        Metric(
            "precision",
            "keyword precision %",
            lambda c: c.recalled,
            lambda c: c.recalled + c.false_alarms,
            higher_is_better=True,
        ),
        Metric(
            "f1",
            "keyword F1 %",
            lambda c: 2 * c.recalled,
            lambda c: c.phrases + c.recalled + c.false_alarms,
            higher_is_better=True,
        ),
    )


def ratios(chosen: Sequence[Metric], counts: Sequence[Counts], languages: Sequence[str]) -> Floats:
    """Part and whole of each metric and utterance, float64 [metrics, utterances, 2]."""
    table = np.zeros((len(chosen), len(counts), 2))
    for row, metric in enumerate(chosen):
        for column, (one, language) in enumerate(zip(counts, languages, strict=True)):
            if not (metric.spaced and language in UNSPACED):
                table[row, column] = metric.part(one), metric.whole(one)
    return table


def rates(sums: Floats) -> Floats:
    """Percentages [...] of parts and wholes [..., 2]; NaN where there is nothing to divide by."""
    wholes = np.where(sums[..., 1] > 0, sums[..., 1], np.nan)
    percent: Floats = 100 * sums[..., 0] / wholes
    return percent
