"""One clip from first to last, in this process or in many."""

import hashlib
import os
import random
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np

from models.manifest import Example
from models.synthesize.backends import Backend, open_backend
from models.synthesize.casting import Cast, Casting, Part
from models.synthesize.clips import at_16_khz, clip_path, read_clip, write_clip
from models.synthesize.pronunciation import as_said
from models.synthesize.quality import problem, trimmed
from models.synthesize.recipe import Recipe, Surroundings, draw, treated
from models.synthesize.spoken_form import spoken_form
from models.synthesize.voice import Float32, Speaker, Unspeakable
from service.errors import Failed
from service.transcript import SAMPLE_RATE

AHEAD = 2  # clips that wait for each process
NOISES_KEPT = 8  # recordings in memory


@dataclass(frozen=True)
class Plan:
    """All that decides how clips of a stage sound, and where they go. Hashable: a process opens its backends once.

    `said`: phrases with spellings of how they are said. `babble`: clips of other people by the ids of their sentences;
    `noises`: recordings of noise.
    """

    folder: Path
    backends: tuple[Backend, ...]
    casting: Casting
    recipe: Recipe
    said: tuple[tuple[str, tuple[str, ...]], ...] = ()
    babble: tuple[tuple[str, Path], ...] = ()
    noises: tuple[Path, ...] = ()

    def __hash__(self) -> int:
        return hash((self.folder, self.backends, self.casting, self.said, self.babble, self.noises))


@dataclass(frozen=True, slots=True)
class Task:
    """The `variant`-th clip (from 1) of a sentence; `example` has the clip's id and the sentence's text."""

    example: Example
    sentence: str
    variant: int


@dataclass(frozen=True, slots=True)
class Clip:
    """What became of a task: `example` with its audio, or `reason` for which there is none."""

    example: Example
    reason: str | None = None


class Renderer:
    """Speaks and treats clips by a plan. Raises what opening the backends raises."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._speakers: dict[str, Speaker] = {}
        for backend in plan.backends:
            self._speakers[backend.name] = open_backend(backend)
        self.cast = Cast([voice for speaker in self._speakers.values() for voice in speaker.voices()], plan.casting)
        self._recording = lru_cache(maxsize=NOISES_KEPT)(read_clip)
        self._others = lru_cache(maxsize=1)(lambda: tuple((name, read_clip(path)) for name, path in plan.babble))

    def render(self, task: Task) -> Clip:
        """The clip is on disk when this returns. Raises StageFull, and what backends raise when they fail."""
        part = self.cast.part(task.sentence, task.variant, task.example.language)
        said = self.said(task.example)
        speech, reason = self.speak(said, part)
        if reason:
            return Clip(replace(task.example, voice=part.voice.name), reason)
        lots = np.random.default_rng(_seed(f"{self._plan.casting.seed}/{task.example.id}"))
        around = self._surroundings(task, lots)
        treatment = draw(self._plan.recipe, lots, others=bool(around.others), recorded=around.recorded is not None)
        samples = treated(speech, treatment, around, lots)
        path = clip_path(self._plan.folder, task.example.id)
        write_clip(path, samples)
        told = treatment.told() | ({"said": said.text} if said.text != task.example.text else {})
        return Clip(self._described(task, part, told, path, len(samples)))

    def said(self, example: Example) -> Example:
        """The example with its text as it is to be spoken, but for numbers."""
        lots = random.Random(f"{self._plan.casting.seed}/{example.id}/said")
        return replace(example, text=as_said(example.text, dict(self._plan.said), lots))

    def speak(self, said: Example, part: Part) -> tuple[Float32, str | None]:
        """Clean speech at 16 kHz, trimmed, and why it is of no use."""
        speaker = self._speakers[part.voice.engine]
        spelt = spoken_form(said.text, said.language)
        text = said.text if speaker.reads_numbers else spelt
        try:
            samples, rate = speaker.speak(text, part.voice, part.speed)
        except Unspeakable:
            return np.zeros(0, dtype=np.float32), "unspeakable"
        if not np.isfinite(samples).all():
            return samples, "not a number"
        samples = trimmed(at_16_khz(samples, rate))
        return samples, problem(samples, spelt, said.language, part.speed)

    def _surroundings(self, task: Task, lots: np.random.Generator) -> Surroundings:
        others = tuple(clip for sentence, clip in self._others() if sentence != task.sentence)
        noises = self._plan.noises
        recorded = self._recording(noises[int(lots.integers(len(noises)))]) if noises else None
        return Surroundings(others, recorded)

    def _described(self, task: Task, part: Part, done: Mapping[str, Any], path: Path, samples: int) -> Example:
        voice, speaker = part.voice, self._speakers[part.voice.engine]
        told: dict[str, Any] = {"sentence": task.sentence, "text_source": task.example.source or None}
        told |= {"accent": voice.accent, "gender": voice.gender, "speed": part.speed}
        told |= {"licence": {"voice": voice.licence, "engine": speaker.licence}, **done}
        return replace(
            task.example,
            audio=path,
            duration=round(samples / SAMPLE_RATE, 3),
            source=speaker.name,
            voice=voice.name,
            extra={**task.example.extra, **{name: value for name, value in told.items() if value}},
        )


def rendered(plan: Plan, tasks: Iterable[Task], processes: int) -> Iterator[tuple[Task, Clip]]:
    """The clips of `tasks` in their order. Raises as `Renderer`, and Failed when a process dies."""
    if processes == 1:
        renderer = Renderer(plan)
        for task in tasks:
            yield task, renderer.render(task)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_end_with_parent) as pool:
        waiting: deque[tuple[Task, Future[Clip]]] = deque()
        try:
            for task in tasks:
                waiting.append((task, pool.submit(_render, plan, task)))
                if len(waiting) > AHEAD * processes:
                    first, clip = waiting.popleft()
                    yield first, clip.result()
            while waiting:
                first, clip = waiting.popleft()
                yield first, clip.result()
        except BrokenProcessPool as error:
            raise Failed(
                "a process that speaks died: is there enough memory for so many?", field="processes"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """A pool's processes outlive one that is killed, each with a voice model in memory: this one shall not."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


@lru_cache(maxsize=1)
def _renderer(plan: Plan) -> Renderer:
    return Renderer(plan)


def _render(plan: Plan, task: Task) -> Clip:
    return _renderer(plan).render(task)


def _seed(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
