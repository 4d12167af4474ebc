"""The figures of a set of transcripts, for all of them and by groups, as JSON and as a table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from models.scoring.counts import Counts, Judged, judge
from models.scoring.manifest import Item
from models.scoring.normalise import Tokenise, tokens
from models.scoring.phrases import PhraseFinder

ALL = "all"

_COLUMNS = {
    "utts": "utts",
    "ref_words": "ref words",
    "wer": "WER %",
    "cer": "CER %",
    "b_wer": "B-WER %",
    "u_wer": "U-WER %",
    "phrases": "phrases",
    "phrase_recall": "recall %",
    "phrase_precision": "precision %",
    "phrase_f1": "F1 %",
    "false_alarms": "FA",
    "false_alarms_per_1000_words": "FA / 1,000",
}


@dataclass(frozen=True, slots=True)
class PhraseLists:
    """The phrases that the decoder was given: for every item, and instead of these for single languages.

    An item's own `keywords` count beside them.
    """

    phrases: Sequence[str] = ()
    by_language: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def given(self, language: str) -> Sequence[str]:
        return self.by_language.get(language, self.phrases)


@dataclass(frozen=True, slots=True)
class Score:
    """`groups`: counts by group, "all" first; `judged`: the utterances by item id; `missing`: ids without a text."""

    groups: Mapping[str, Counts]
    judged: Mapping[str, Judged]
    missing: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        result: dict[str, Any] = {name: figures(counts) for name, counts in self.groups.items()}
        return result | {"missing": list(self.missing)} if self.missing else result


def score(
    items: Sequence[Item],
    texts: Mapping[str, str],
    lists: PhraseLists,
    by: Iterable[str] = (),
    tokenise: Tokenise = tokens,
) -> Score:
    """`texts` by item id; an item without one counts as empty. `by`: fields of the items to group by.

    Raises BadRequest for Chinese without the extra `eval`.
    """
    true = sorted({phrase for item in items for phrase in item.bias})
    finders = {
        language: PhraseFinder([*lists.given(language), *true], language, tokenise)
        for language in {item.language for item in items}
    }
    groups: dict[str, Counts] = {ALL: Counts()}
    judged: dict[str, Judged] = {}
    for item in items:
        finder = finders[item.language]
        if item.keywords:
            phrases = [*item.keywords, *lists.given(item.language), *item.bias]
            finder = PhraseFinder(phrases, item.language, tokenise)
        one = judge(item.text, texts.get(item.id, ""), item.bias, finder, item.language, tokenise)
        judged[item.id] = one
        for name in (ALL, *(f"{key} {item.fields.get(key)}" for key in by)):
            groups[name] = groups.get(name, Counts()) + one.counts
    return Score(groups, judged, [item.id for item in items if item.id not in texts])


def figures(counts: Counts) -> dict[str, float | None]:
    """Rates in percent with two digits; None where there is nothing to divide by."""
    precision = _ratio(counts.recalled, counts.recalled + counts.false_alarms)
    recall = _ratio(counts.recalled, counts.phrases)
    f1 = 0.0 if counts.phrases else None
    if precision and recall:
        f1 = round(200 * precision * recall / (precision + recall), 2)
    return {
        "utts": counts.utterances,
        "ref_words": counts.words,
        "wer": _percent(counts.errors, counts.words),
        "cer": _percent(counts.character_errors, counts.characters),
        "b_wer": _percent(counts.biased_errors, counts.biased_words),
        "u_wer": _percent(counts.other_errors, counts.words - counts.biased_words),
        "sub": counts.substitutions,
        "ins": counts.insertions,
        "del": counts.deletions,
        "phrases": counts.phrases,
        "phrase_precision": None if precision is None else round(100 * precision, 2),
        "phrase_recall": None if recall is None else round(100 * recall, 2),
        "phrase_f1": f1,
        "false_alarms": counts.false_alarms,
        "false_alarms_per_1000_words": round(1000 * counts.false_alarms / counts.words, 2) if counts.words else None,
        "hyp_words_on_empty_reference": None if counts.words else counts.insertions,
    }


def details(items: Iterable[Item], texts: Mapping[str, str], result: Score) -> list[dict[str, Any]]:
    """One record for each item: its rates, what was missed and what was heard that nobody said."""
    records = []
    for item in items:
        one = result.judged[item.id]
        rates = figures(one.counts)
        records.append(
            {
                "id": item.id,
                "wer": rates["wer"],
                "u_wer": rates["u_wer"],
                "missed": list(one.missed),
                "false_alarms": list(one.false_alarms),
                "ref": item.text,
                "hyp": texts.get(item.id, ""),
            }
        )
    return records


def render(results: Mapping[str, Score]) -> Table:
    """A row for each group of each result, the results of one group below each other."""
    table = Table("group", *(["run"] if len(results) > 1 else []))
    for heading in _COLUMNS.values():
        table.add_column(heading, justify="right")
    for group in next(iter(results.values())).groups:
        for run, result in results.items():
            values = figures(result.groups[group])
            table.add_row(group, *([run] if len(results) > 1 else []), *(_shown(values[name]) for name in _COLUMNS))
    return table


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
