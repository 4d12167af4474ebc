"""Transcripts of one or two systems to figures: metrics, intervals, slices and the difference of the two."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.evaluate.metrics import KEYWORD_WEIGHT, Floats, Metric, metrics, rates, ratios
from models.evaluate.resampling import Difference, Interval, Resampling, blocked, differences, intervals
from models.manifest import Example
from models.scoring.manifest import Item
from models.scoring.table import PhraseLists, Score, score
from models.scoring.whisper_rules import tokeniser
from service.errors import BadRequest

MAX_SYSTEMS = 2


@dataclass(frozen=True, slots=True)
class Options:
    """`rules` and `fold_accents`: see `whisper_rules`. `keyword_weight`: w of the integrated error rate. `by`: fields
    of the manifest to slice by. `block_by`: field whose values are resampled as a whole, such as voice; None:
    utterances are. `phrases`: keywords that the systems were given, whose false alarms count. Raises BadRequest."""

    rules: str = "whisper"
    fold_accents: bool = False
    keyword_weight: float = KEYWORD_WEIGHT
    by: tuple[str, ...] = ("language",)
    block_by: str | None = None
    phrases: tuple[str, ...] = ()
    resampling: Resampling = field(default_factory=Resampling)

    def __post_init__(self) -> None:
        tokeniser(self.rules)
        if not 0 <= self.keyword_weight < float("inf"):
            raise BadRequest("keyword_weight must be a number from 0", field="keyword_weight")


@dataclass(frozen=True, slots=True)
class Figure:
    """A percentage, None where there is nothing to divide by."""

    percent: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Slice:
    """The utterances where `field` has `value` (both empty: all of them): figures by system and metric, and what the
    second system differs from the first."""

    field: str
    value: str
    utterances: int
    blocks: int
    words: int
    figures: Mapping[str, Mapping[str, Figure]]
    differences: Mapping[str, Difference | None]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`slices`: all utterances first. `missing`: ids by system that had no transcript and count as empty."""

    options: Options
    metrics: tuple[Metric, ...]
    systems: tuple[str, ...]
    slices: tuple[Slice, ...]
    missing: Mapping[str, Sequence[str]]
    scores: Mapping[str, Score]

    @property
    def whole(self) -> Slice:
        return self.slices[0]


def items(examples: Sequence[Example]) -> list[Item]:
    """Examples as scoring takes them: what is in the text is `bias`; `keywords` beside a `bias` are a list of their
    own, which may hold what nobody says."""
    found = []
    for example in examples:
        spoken = tuple(example.extra["bias"]) if "bias" in example.extra else example.keywords
        listed = example.keywords if "bias" in example.extra else ()
        fields = {**example.extra, "language": example.language, "voice": example.voice, "source": example.source}
        audio = example.audio or Path()  # of which transcripts are given
        found.append(Item(example.id, audio, example.text, example.language, spoken, listed, fields))
    return found


def evaluate(judged: Sequence[Item], texts: Mapping[str, Mapping[str, str]], options: Options) -> Evaluation:
    """`texts` by system and id: one system, or two, of which the first is the baseline.

    Raises BadRequest without an item, for more systems, for a field to slice or block by that no item has, and without
    the extra `eval`.
    """
    if not judged:
        raise BadRequest("there is nothing to evaluate", field="manifest")
    if not 1 <= len(texts) <= MAX_SYSTEMS:
        raise BadRequest(f"{len(texts)} systems: one is evaluated, or two are compared", field="model")
    for name in {*options.by, *([options.block_by] if options.block_by else [])}:
        if all(item.fields.get(name) in (None, "") for item in judged):
            raise BadRequest(f"no item has the field {name!r}", field=name)
    tokenise = tokeniser(options.rules, fold_accents=options.fold_accents)
    lists = PhraseLists(options.phrases)
    scores = {system: score(judged, found, lists, tokenise=tokenise) for system, found in texts.items()}
    chosen = metrics(options.keyword_weight)
    tables = {
        system: ratios(chosen, [one.judged[item.id].counts for item in judged], [item.language for item in judged])
        for system, one in scores.items()
    }
    slicer = _Slicer(judged, tables, chosen, options, _reference_words(judged, scores))
    return Evaluation(
        options=options,
        metrics=chosen,
        systems=tuple(texts),
        slices=(slicer.slice("", ""), *slicer.by_fields()),
        missing={system: one.missing for system, one in scores.items() if one.missing},
        scores=scores,
    )


@dataclass(frozen=True, slots=True)
class _Slicer:
    items: Sequence[Item]
    tables: Mapping[str, Floats]
    metrics: tuple[Metric, ...]
    options: Options
    words: Sequence[int]

    def by_fields(self) -> list[Slice]:
        found = []
        for name in self.options.by:
            values = Counter(_value(item, name) for item in self.items)
            found += [self.slice(name, value) for value in sorted(values)]
        return found

    def slice(self, name: str, value: str) -> Slice:
        rows = [at for at, item in enumerate(self.items) if not name or _value(item, name) == value]
        block_by = self.options.block_by
        labels = [_value(self.items[at], block_by) if block_by else at for at in rows]
        blocks = {system: blocked(table[:, rows], labels) for system, table in self.tables.items()}
        return Slice(
            field=name,
            value=value,
            utterances=len(rows),
            blocks=len(set(labels)),
            words=sum(self.words[at] for at in rows),
            figures={system: self._figures(each) for system, each in blocks.items()},
            differences=self._differences(*blocks.values()),
        )

    def _figures(self, blocks: Floats) -> dict[str, Figure]:
        percents = rates(blocks.sum(axis=1))
        found = intervals(blocks, self.options.resampling)
        return {
            metric.name: Figure(None if np.isnan(percent) else float(percent), interval)
            for metric, percent, interval in zip(self.metrics, percents, found, strict=True)
        }

    def _differences(self, baseline: Floats, candidate: Floats | None = None) -> dict[str, Difference | None]:
        if candidate is None:
            return {}
        found = differences(baseline, candidate, self.options.resampling)
        return {metric.name: one for metric, one in zip(self.metrics, found, strict=True)}


def _reference_words(judged: Sequence[Item], scores: Mapping[str, Score]) -> list[int]:
    first = next(iter(scores.values()))
    return [first.judged[item.id].counts.words for item in judged]


def _value(item: Item, name: str) -> str:
    value: Any = item.fields.get(name)
    return "–" if value in (None, "") else str(value)
