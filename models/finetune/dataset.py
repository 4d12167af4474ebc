"""Clips to train on: examples of manifests that were checked, and their text as tokens."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.finetune.recipe import Recipe
from models.finetune.windows import windows_for
from models.manifest import Example, read_examples
from models.recordings import check_audio, read_samples
from models.stage import read_stage
from service.audio.container import probe_duration
from service.decoding import guards
from service.decoding.features import Samples
from service.decoding.vocabulary import Vocabulary
from service.errors import BadAudio, BadRequest
from service.transcript import SAMPLE_RATE

UNSPACED = ("zh", "yue", "ja", "th", "lo", "my")  # Whisper writes no space before text in these
DURATION_TOLERANCE_S = 0.5
SHOWN = 3  # ids of clips that were left out


@dataclass(frozen=True, slots=True)
class Source:
    """A manifest, or the folder of a stage; it is drawn from in proportion to `weight`, whatever its size."""

    path: Path
    weight: float = 1.0

    @classmethod
    def parse(cls, text: str) -> "Source":
        """From `PATH` or `PATH=WEIGHT`. Raises BadRequest for a weight that is none."""
        path, equals, weight = text.rpartition("=")
        if not equals or Path(text).exists():
            return cls(Path(text))
        try:
            number = float(weight)
        except ValueError:
            number = math.nan
        if not (0 < number < math.inf):
            raise BadRequest(f"{text}: the weight must be a number over 0, not {weight!r}", field="train")
        return cls(Path(path), number)


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """An example within the recipe's limits. `tokens`: its text's, without any special one."""

    example: Example
    tokens: tuple[int, ...]
    n_samples: int


@dataclass(frozen=True, slots=True)
class Clips:
    """The clips of one source, and why others were left out: ids by reason."""

    source: Source
    clips: tuple[Clip, ...]
    left_out: dict[str, list[str]]

    def report(self) -> str:
        """One line for people."""
        hours = sum(clip.n_samples for clip in self.clips) / SAMPLE_RATE / 3600
        reasons = [
            f"{len(ids)} {reason} ({', '.join(ids[:SHOWN])}{', …' if len(ids) > SHOWN else ''})"
            for reason, ids in self.left_out.items()
        ]
        kept = f"{self.source.path}: {len(self.clips):,} clips, {hours:.2f} h"
        return f"{kept}; left out: {', '.join(reasons)}" if reasons else kept

    @property
    def languages(self) -> Counter[str]:
        return Counter(clip.example.language for clip in self.clips)


def load(source: Source, vocabulary: Vocabulary, recipe: Recipe) -> Clips:
    """Raises BadRequest that names the example for missing or unreadable audio, and when no clip is left."""
    clips: list[Clip] = []
    left_out: dict[str, list[str]] = {}
    examples = read_stage(source.path) if source.path.is_dir() else list(read_examples(source.path))
    check_audio(examples, source.path)
    for example in examples:
        found = _clip(example, source.path, vocabulary, recipe)
        if isinstance(found, Clip):
            clips.append(found)
        else:
            left_out.setdefault(found, []).append(example.id)
    loaded = Clips(source, tuple(clips), left_out)
    if not clips:
        raise BadRequest(loaded.report() if left_out else f"{source.path} has no examples", field="manifest")
    return loaded


def read_clip(clip: Clip) -> Samples:
    """int16 [n] at 16 kHz. Raises BadRequest that names the example when its audio is not what the manifest says."""
    example = clip.example
    assert example.audio is not None
    try:
        samples = read_samples(example.audio)
    except BadRequest as error:
        raise type(error)(f"{example.id}: {error.message}", field=error.field) from error
    if abs(len(samples) - clip.n_samples) > DURATION_TOLERANCE_S * SAMPLE_RATE:
        told, real = clip.n_samples / SAMPLE_RATE, len(samples) / SAMPLE_RATE
        raise BadAudio(
            f"{example.id}: {example.audio} lasts {real:.2f} s at the sample rate that it states, the manifest says"
            f" {told:.2f} s",
            field="audio",
        )
    return samples[: clip.n_samples]


def text_tokens(text: str, language: str, vocabulary: Vocabulary) -> tuple[int, ...]:
    """As Whisper writes them after `<|notimestamps|>`."""
    return tuple(vocabulary.encode(text.strip() if language in UNSPACED else f" {text.strip()}"))


def _clip(example: Example, manifest: Path, vocabulary: Vocabulary, recipe: Recipe) -> Clip | str:
    """The clip, or why it is none."""
    limits = recipe.limits
    if not example.text.strip():
        return "empty text"
    if example.language not in vocabulary.languages:
        return f"in a language that the model does not know: {example.language}"
    tokens = text_tokens(example.text, example.language, vocabulary)
    if len(tokens) > limits.max_tokens:
        return f"over {limits.max_tokens} tokens"
    # a model that is shown loops learns to loop
    if len(guards.without_loop(tokens, hurried=False)) < len(tokens):
        return "with text that repeats itself"
    n_samples = round(_duration(example, manifest) * SAMPLE_RATE)
    if n_samples < limits.min_duration_s * SAMPLE_RATE:
        return f"under {limits.min_duration_s:g} s"
    if n_samples > limits.max_duration_s * SAMPLE_RATE or not windows_for(n_samples, recipe.windows):
        return f"over {limits.max_duration_s:g} s or the longest window"
    return Clip(example, tokens, n_samples)


def _duration(example: Example, manifest: Path) -> float:
    """Seconds; as the file says where the manifest does not."""
    if example.duration is not None:
        return example.duration
    assert example.audio is not None
    try:
        with example.audio.open("rb") as file:
            found = probe_duration(file, example.audio.name)
    except OSError as error:
        raise BadRequest(f"{manifest}, {example.id}, audio: {error.strerror}", field="audio") from error
    except BadRequest as error:
        raise type(error)(f"{manifest}, {example.id}, audio: {error.message}", field="audio") from error
    if found is None:
        raise BadRequest(f"{manifest}, {example.id}, duration: is missing, in the audio too", field="duration")
    return found


def phrases_of(clips: Sequence[Clip]) -> tuple[str, ...]:
    """The keywords of all clips, once each."""
    return tuple(dict.fromkeys(phrase for clip in clips for phrase in clip.example.keywords))
