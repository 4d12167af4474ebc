"""What a registered model is made of and how good it is: `card.json` for programs, `README.md` for people."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.folder import FileDigest
from models.manifest import Example
from models.reports import table

SHOWN = 12  # voices and the like that the page names; card.json has all
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DataCard:
    """Counts over one manifest, by what its examples say of themselves. `name`: the manifest's path."""

    name: str
    examples: int
    hours: float
    languages: Mapping[str, int]
    sources: Mapping[str, int]
    voices: Mapping[str, int]
    licences: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Card:
    """`recipe`: as it was written, None where none was given; `scores`: the report of `sotto models evaluate`;
    `conversion`: what the comparison with PyTorch found; `created`: ISO 8601."""

    id: str
    version: str
    base: str
    licence: str
    created: str
    data: Sequence[DataCard]
    recipe: str | None
    scores: Mapping[str, Any] | None
    conversion: Mapping[str, Any] | None
    files: Sequence[FileDigest]


def data_card(name: str, examples: Iterable[Example]) -> DataCard:
    """The card of a manifest's examples; those that say nothing count as unknown."""
    found = list(examples)
    return DataCard(
        name=name,
        examples=len(found),
        hours=round(sum(each.duration or 0 for each in found) / 3600, 4),
        languages=_counts([each.language] for each in found),
        sources=_counts([each.source] for each in found),
        voices=_counts([each.voice] for each in found),
        licences=_counts(_licences(each.extra.get("licence")) for each in found),
    )


def markdown(card: Card) -> str:
    """The card as a page."""
    lines = [f"# {card.id}", "", f"Version {card.version} of {card.created}, made from {card.base}."]
    lines += [f"Licence: {card.licence}.", "", "## Data", ""]
    for data in card.data:
        lines += [f"{data.name}: {data.examples:,} examples, {data.hours:.2f} hours.", "", *_counted(data), ""]
    if not card.data:
        lines += ["Not said.", ""]
    if card.scores is not None:
        lines += ["## Scores", "", *_scores(card.scores), ""]
    if card.recipe is not None:
        lines += ["## Recipe", "", "```yaml", *card.recipe.rstrip("\n").splitlines(), "```", ""]
    if card.conversion is not None:
        lines += [
            "## Conversion",
            "",
            *table(["", ""], [[name, str(each)] for name, each in card.conversion.items()]),
            "",
        ]
    lines += ["## Files", "", *table(["file", "bytes", "SHA-256"], [_file(file) for file in card.files])]
    return "\n".join(lines) + "\n"


def _counts(values: Iterable[Iterable[str]]) -> dict[str, int]:
    counted = Counter(each or UNKNOWN for several in values for each in several)
    return dict(counted.most_common())


def _licences(stated: Any) -> list[str]:
    """Of a clip: one, or one for each thing that it was made with."""
    if isinstance(stated, Mapping):
        return [f"{name}: {licence}" for name, licence in stated.items()]
    return [str(stated or UNKNOWN)]


def _counted(data: DataCard) -> list[str]:
    rows = []
    for name in ("languages", "sources", "voices", "licences"):
        counts: Mapping[str, int] = getattr(data, name)
        shown = [f"{each} {count:,}" for each, count in list(counts.items())[:SHOWN]]
        more = len(counts) - SHOWN
        rows.append([name, ", ".join(shown) + (f", and {more:,} more" if more > 0 else "")])
    return table(["by", "examples"], rows)


def _scores(report: Mapping[str, Any]) -> list[str]:
    whole = report["slices"][0]
    metrics = list(dict.fromkeys(metric for figures in whole["figures"].values() for metric in figures))
    rows = [
        [metric, *(_percent(whole["figures"][system].get(metric)) for system in report["systems"])]
        for metric in metrics
    ]
    return [f"{whole['utterances']:,} utterances.", "", *table(["%", *report["systems"]], rows)]


def _percent(figure: Mapping[str, Any] | None) -> str:
    return "–" if figure is None or figure["percent"] is None else f"{figure['percent']:.2f}"


def _file(file: FileDigest) -> list[str]:
    return [file.name, f"{file.bytes:,}", file.sha256]
