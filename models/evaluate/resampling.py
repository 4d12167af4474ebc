"""How sure a figure is, and whether a difference is one, by resampling utterances or speakers.

Intervals are percentile bootstrap intervals over resampled test sets (Bisani and Ney, "Bootstrap estimates for
confidence intervals in ASR performance evaluation", ICASSP 2004); two systems are resampled together, since they read
the same utterances. The p-value is that of approximate randomisation (Riezler and Maxwell, 2005): how often a
difference as large comes of exchanging the two systems' transcripts at random. The unit that is drawn is a block:
an utterance, or all utterances of a speaker, whose errors are alike.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from models.evaluate.metrics import Floats, rates
from service.errors import BadRequest

_DRAWN_AT_ONCE = 2**22  # block weights: 32 MB


@dataclass(frozen=True, slots=True)
class Resampling:
    """`resamples` test sets are drawn from `seed`; intervals hold `confidence` of them. Raises BadRequest."""

    resamples: int = 2000
    seed: int = 1
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.resamples < 1:
            raise BadRequest("resamples must be at least 1", field="resamples")
        if not 0 < self.confidence < 1:
            raise BadRequest(f"confidence must be between 0 and 1, not {self.confidence}", field="confidence")


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus baseline in percentage points. `interval` and `p_value` are None where they are undefined.

    `relative`: the difference over the baseline. `probability_lower`: share of the resampled test sets in which the
    candidate's figure is the lower one.
    """

    points: float
    relative: float | None
    interval: Interval | None
    probability_lower: float | None
    p_value: float | None


def blocked(table: Floats, labels: Sequence[Hashable]) -> Floats:
    """Sums [metrics, blocks, 2] of [metrics, utterances, 2] over the utterances of one label."""
    index = {label: at for at, label in enumerate(dict.fromkeys(labels))}
    sums = np.zeros((len(index), table.shape[0], 2))
    np.add.at(sums, np.array([index[label] for label in labels]), table.swapaxes(0, 1))
    return sums.swapaxes(0, 1)


def resampled(blocks: Floats, options: Resampling) -> Floats:
    """Percentages [metrics, resamples] of test sets drawn from the blocks with replacement."""
    count = blocks.shape[1]
    generator = np.random.default_rng(options.seed)
    drawn = []
    for size in _shares(options.resamples, count):
        weights = generator.multinomial(count, np.full(count, 1 / count), size=size).astype(np.float64)
        drawn.append(rates(np.einsum("rb,mbk->mrk", weights, blocks, optimize=True)))
    return np.concatenate(drawn, axis=1)


def intervals(blocks: Floats, options: Resampling) -> list[Interval | None]:
    """One for each metric; None with fewer than two blocks or where every resample lacks something to divide by."""
    return _intervals(resampled(blocks, options), blocks.shape[1], options)


def differences(baseline: Floats, candidate: Floats, options: Resampling) -> list[Difference | None]:
    """One for each metric of blocks [metrics, blocks, 2] in one order; None where a system has no figure."""
    count = baseline.shape[1]
    both = resampled(np.concatenate([baseline, candidate]), options)  # the same weights for both
    drawn = both[len(baseline) :] - both[: len(baseline)]
    found = _intervals(drawn, count, options)
    before, after = rates(baseline.sum(axis=1)), rates(candidate.sum(axis=1))
    p_values = _p_values(baseline, candidate, options)
    result: list[Difference | None] = []
    for row, (one, other) in enumerate(zip(before, after, strict=True)):
        if np.isnan(one) or np.isnan(other):
            result.append(None)
            continue
        known = drawn[row][~np.isnan(drawn[row])]
        several = count > 1 and len(known) > 0
        result.append(
            Difference(
                points=float(other - one),
                relative=float(other / one - 1) if one else None,
                interval=found[row],
                probability_lower=float(np.mean(known < 0)) if several else None,
                p_value=float(p_values[row]) if several else None,
            )
        )
    return result


def _p_values(baseline: Floats, candidate: Floats, options: Resampling) -> Floats:
    """[metrics]: the share of random exchanges, the real one among them, with at least the real difference."""
    total, gap = (baseline + candidate).sum(axis=1), candidate - baseline
    observed = np.abs(rates(candidate.sum(axis=1)) - rates(baseline.sum(axis=1)))
    generator = np.random.default_rng(options.seed)
    extreme = np.zeros(len(baseline))
    for size in _shares(options.resamples, baseline.shape[1]):
        signs = generator.integers(0, 2, size=(size, baseline.shape[1])) * 2.0 - 1.0
        exchanged = np.einsum("rb,mbk->mrk", signs, gap, optimize=True)
        one, other = (total[:, np.newaxis] - exchanged) / 2, (total[:, np.newaxis] + exchanged) / 2
        difference = np.abs(rates(other) - rates(one))
        # sums in another order differ in the last digits; where a system is left without a figure, so be it
        extreme += np.sum(~(difference < observed[:, np.newaxis] - 1e-9), axis=1)
    p_values: Floats = (1 + extreme) / (1 + options.resamples)
    return p_values


def _intervals(drawn: Floats, blocks: int, options: Resampling) -> list[Interval | None]:
    tail = (1 - options.confidence) / 2
    found: list[Interval | None] = []
    for row in drawn:
        known = row[~np.isnan(row)]
        if blocks < 2 or not len(known):
            found.append(None)
        else:
            low, high = np.quantile(known, [tail, 1 - tail])
            found.append(Interval(float(low), float(high)))
    return found


def _shares(resamples: int, blocks: int) -> list[int]:
    """Resamples to draw at once, so that the weights fit into memory."""
    size = max(1, _DRAWN_AT_ONCE // blocks)
    return [min(size, resamples - done) for done in range(0, resamples, size)]
