"""The stage `expand`: for each keyword so many new sentences, written by a writer and checked here."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from models.expand.checks import Checker, Limits
from models.expand.keywords import Keyword
from models.expand.phrases import PhraseMatcher
from models.expand.writer import Wish, Writer
from models.manifest import Example, read_examples
from models.stage import Shard, Stage
from service.errors import BadRequest

FEWER = "fewer sentences than wanted"


@dataclass(frozen=True, slots=True)
class Plan:
    """`per_keyword` sentences in `language` (ISO 639-1) for each keyword; `attempts` at those the checks take away."""

    seeds: Sequence[Example]
    keywords: Sequence[Keyword]
    language: str = "en"
    per_keyword: int = 20
    attempts: int = 3
    seed: int = 0
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not self.seeds:
            raise BadRequest(f"there are no seeds in {self.language!r}", field="seeds")
        for name in ("per_keyword", "attempts"):
            if getattr(self, name) < 1:
                raise BadRequest(f"{name}: must be at least 1", field=name)

    def options(self, writer: Writer) -> dict[str, Any]:
        """What decides the stage's output, for its folder."""
        return {
            "seeds": _digest(f"{seed.id}\t{seed.text}" for seed in self.seeds),
            "keywords": _digest(f"{keyword.phrase}\t{keyword.kind}" for keyword in self.keywords),
            "language": self.language,
            "per_keyword": self.per_keyword,
            "attempts": self.attempts,
            "seed": self.seed,
            "limits": asdict(self.limits),
            "writer": {"name": writer.name, **writer.identity()},
        }


def read_seeds(path: Path, language: str) -> list[Example]:
    """The seeds of a manifest in that language. Raises BadRequest that names file and field, also for an empty text."""
    seeds = [example for example in read_examples(path) if example.language == language]
    for seed in seeds:
        if not seed.text.strip():
            raise BadRequest(f"{path}, {seed.id}, text: is empty", field="text")
    if not seeds:
        raise BadRequest(f"{path}: has no seeds with language {language!r}", field="seeds")
    return seeds


def expand(plan: Plan, writer: Writer, folder: Path, shard: Shard | None = None) -> None:
    """Fills the stage's folder. What is nearly a duplicate is told within a shard, as shards do not see each other.

    Raises what the writer and the stage raise; then what is there is whole, and another run goes on from it.
    """
    phrases = PhraseMatcher(keyword.phrase for keyword in plan.keywords)
    known = {_input_id(keyword): keyword for keyword in plan.keywords}
    inputs = [Example(name, keyword.phrase, plan.language) for name, keyword in known.items()]
    with Stage(folder, plan.options(writer), shard) as stage:
        checker = Checker(plan.limits, plan.language, phrases, (seed.text for seed in plan.seeds), _kept(stage))
        for sources in _batches(stage.waiting(inputs), writer.batch):
            drafts = [_Draft(source, known[source.id]) for source in sources]
            for attempt in range(plan.attempts):
                _write(drafts, attempt, plan, writer, checker)
            for draft in drafts:
                draft.answer(stage, plan, writer, phrases)


@dataclass(slots=True)
class _Draft:
    """What is written for one keyword so far."""

    source: Example
    keyword: Keyword
    kept: list[str] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, stage: Stage, plan: Plan, writer: Writer, phrases: PhraseMatcher) -> None:
        def example(number: int, text: str, mark: str) -> Example:
            held = phrases.phrases_in(text)
            keywords = held if self.keyword.phrase in held else (self.keyword.phrase, *held)
            name = f"{self.source.id}-{mark}{number}"
            return Example(name, text, plan.language, source=writer.name, keywords=keywords)

        kept = [example(number, text, "") for number, text in enumerate(self.kept, start=1)]
        dropped = [(example(number, text, "x"), reason) for number, (text, reason) in enumerate(self.rejected, start=1)]
        if len(kept) < plan.per_keyword:
            dropped.append((self.source.scored(kept=len(kept), wanted=plan.per_keyword), FEWER))
        stage.part(self.source, kept, dropped)


def _write(drafts: Sequence[_Draft], attempt: int, plan: Plan, writer: Writer, checker: Checker) -> None:
    """One attempt at what the drafts still lack."""
    open_drafts = [draft for draft in drafts if len(draft.kept) < plan.per_keyword]
    wishes = [Wish(draft.keyword, plan.per_keyword - len(draft.kept), attempt) for draft in open_drafts]
    for draft, texts in zip(open_drafts, writer.write(wishes), strict=True):
        for text in texts:
            if len(draft.kept) == plan.per_keyword:
                break
            problem = checker.problem(text, draft.keyword.phrase)
            if problem:
                draft.rejected.append((text, problem))
            else:
                draft.kept.append(text)


def _kept(stage: Stage) -> list[str]:
    """What this shard had kept before."""
    path = stage.folder / f"kept-{stage.shard}.jsonl"
    return [example.text for example in read_examples(path)] if path.exists() else []


def _input_id(keyword: Keyword) -> str:
    """The same for a phrase whatever list it is on."""
    return f"k{hashlib.sha256(keyword.phrase.encode()).hexdigest()[:10]}"


def _batches(examples: Iterable[Example], size: int) -> Iterator[list[Example]]:
    rest = iter(examples)
    while batch := list(islice(rest, size)):
        yield batch


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
