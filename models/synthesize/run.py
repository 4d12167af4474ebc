"""The stage `synthesize`: sentences in, clips out."""

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from models.expand.keywords import Keyword
from models.manifest import Example
from models.stage import Shard, Stage
from models.synthesize.backends import Backend
from models.synthesize.casting import Casting
from models.synthesize.clips import clip_path, recordings, write_clip
from models.synthesize.recipe import Recipe
from models.synthesize.render import Plan, Renderer, Task, rendered
from service.errors import BadRequest

BABBLERS = 8  # clips of which babble is made


@dataclass(frozen=True, slots=True)
class SynthesizeOptions:
    """`variants`: clips of each sentence. `said`: keywords with spellings of how they are said. `noise`: a folder of
    recorded noises. Raises BadRequest."""

    variants: int = 1
    casting: Casting = field(default_factory=Casting)
    recipe: Recipe = field(default_factory=Recipe)
    noise: Path | None = None
    said: tuple[Keyword, ...] = ()

    def __post_init__(self) -> None:
        if self.variants < 1:
            raise BadRequest("variants: must be at least 1", field="variants")

    def identity(self, backends: Sequence[Backend]) -> dict[str, Any]:
        """For options.json: what decides how the clips sound."""
        values: dict[str, Any] = {"variants": self.variants, "noise": str(self.noise) if self.noise else None}
        values |= {"voices": [f"{each.kind}:{each.name}" for each in backends], "recipe": self.recipe.identity()}
        values["said"] = {keyword.phrase: list(keyword.sounds_like) for keyword in self.said if keyword.sounds_like}
        return values | asdict(self.casting) | {name: list(getattr(self.casting, name)) for name in ("only", "exclude")}


@dataclass(frozen=True, slots=True)
class Totals:
    """Of one run over one shard. `speech_s` and `took_s` in seconds; `dropped` counts by reason."""

    kept: int
    speech_s: float
    took_s: float
    dropped: Counter[str]

    def __str__(self) -> str:
        told = f"kept {self.kept} of {self.kept + self.dropped.total()} clips"
        if self.speech_s:
            speed = self.took_s / self.speech_s
            told += f": {self.speech_s:.0f} s of speech in {self.took_s:.0f} s, {speed:.2f} × real time"
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.dropped.most_common())
        return f"{told}; dropped: {reasons}" if reasons else told


def synthesize(
    sentences: Sequence[Example],
    folder: Path,
    backends: Sequence[Backend],
    options: SynthesizeOptions,
    *,
    shard: Shard | None = None,
    processes: int = 1,
) -> Totals:
    """Speaks every sentence `variants` times into `folder`, going on where a former run stopped.

    Raises BadRequest for an empty text, an id that is no file's name, a language that nobody speaks, two backends of a
    name, or another option than the folder was begun with; StageFull; and what backends raise when they fail.
    """
    _check(sentences, folder, backends, processes)
    noises = recordings(options.noise) if options.noise else ()
    said = tuple((keyword.phrase, keyword.sounds_like) for keyword in options.said if keyword.sounds_like)
    plan = Plan(folder, tuple(backends), options.casting, options.recipe, said, noises=noises)
    begun, kept, speech_s, dropped = time.monotonic(), 0, 0.0, Counter[str]()
    with Stage(folder, options.identity(backends), shard) as stage:
        plan = _prepared(plan, sentences)
        tasks = {task.example.id: task for task in _tasks(sentences, options.variants)}
        waiting = stage.waiting([task.example for task in tasks.values()])
        for task, clip in rendered(plan, (tasks[example.id] for example in waiting), processes):
            if clip.reason:
                stage.drop(replace(task.example, voice=clip.example.voice), clip.reason)
                dropped[clip.reason] += 1
            else:
                stage.keep(task.example, clip.example)
                kept, speech_s = kept + 1, speech_s + (clip.example.duration or 0.0)
    return Totals(kept, speech_s, time.monotonic() - begun, dropped)


def _check(sentences: Sequence[Example], folder: Path, backends: Sequence[Backend], processes: int) -> None:
    names = Counter(backend.name for backend in backends)
    if not names:
        raise BadRequest("voices: none are given", field="voices")
    if twice := [name for name, count in names.items() if count > 1]:
        raise BadRequest(f"voices: two are called {twice[0]}", field="voices")
    if processes < 1:
        raise BadRequest("processes: must be at least 1", field="processes")
    for sentence in sentences:
        if not any(character.isalnum() for character in sentence.text):
            raise BadRequest(f"example {sentence.id!r}, text: there is nothing to say", field="text")
        clip_path(folder, sentence.id)


def _tasks(sentences: Sequence[Example], variants: int) -> Iterator[Task]:
    """One for each clip: it is the clips that are kept, dropped and shared among shards."""
    for sentence in sentences:
        for variant in range(1, variants + 1):
            yield Task(replace(sentence, id=f"{sentence.id}-{variant}"), sentence.id, variant)


def _prepared(plan: Plan, sentences: Sequence[Example]) -> Plan:
    """The plan with the clips that its babble is made of; every shard makes the same, or finds them.

    Raises BadRequest for a language that nobody speaks: before the first clip.
    """
    renderer = Renderer(plan)
    for language in sorted({sentence.language for sentence in sentences}):
        renderer.cast.part("", 1, language)
    if not plan.recipe.noise or not plan.recipe.kinds.get("babble"):
        return plan
    with FileLock(plan.folder / ".babble.lock"):
        return replace(plan, babble=tuple(_babble(plan.folder, renderer, sentences)))


def _babble(folder: Path, renderer: Renderer, sentences: Sequence[Example]) -> Iterator[tuple[str, Path]]:
    for sentence in sorted(sentences, key=_drawn)[:BABBLERS]:
        path = folder / "babble" / clip_path(folder, sentence.id).name
        if not path.exists():
            speech, reason = renderer.speak(
                renderer.said(sentence), renderer.cast.part(f"babble/{sentence.id}", 1, sentence.language)
            )
            if reason:
                continue
            write_clip(path, speech)
        yield sentence.id, path


def _drawn(sentence: Example) -> str:
    return hashlib.sha256(sentence.id.encode()).hexdigest()
