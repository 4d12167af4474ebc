"""Clips as arrays: what is heard, and the tokens that the decoder reads and is to write."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.finetune.acoustics import Acoustics, Heard, Sound
from models.finetune.dataset import Clip
from models.finetune.prompts import NO_PROMPT, Prompt
from service.decoding.vocabulary import Vocabulary

IGNORED = -100  # label of a position that is not scored
Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """`heard`: float32 [n, ...], what the collator's acoustics give; `inputs`, `labels`: int64 [n, m], the label being
    the token after the input, `IGNORED` before the text and after its end."""

    ids: tuple[str, ...]
    heard: Heard
    inputs: Tokens
    labels: Tokens

    @property
    def arrays(self) -> tuple[Heard, Tokens, Tokens]:
        """What the model is called with."""
        return self.heard, self.inputs, self.labels

    @property
    def scored(self) -> int:
        """Tokens that the loss is over."""
        return int((self.labels != IGNORED).sum())


@dataclass(frozen=True, slots=True)
class Sample:
    """A clip as it is shown this time. `masks`: the seed of its masks; None: no masks."""

    clip: Clip
    prompt: Prompt = NO_PROMPT
    masks: tuple[int, ...] | None = None


class Collator:
    """Immutable after construction, so any number of threads may share one."""

    def __init__(self, vocabulary: Vocabulary, acoustics: Acoustics) -> None:
        self._vocabulary = vocabulary
        self._acoustics = acoustics

    def __call__(self, samples: Sequence[Sample], window: int) -> Batch:
        """`window` in samples. Raises BadRequest that names the example for audio that cannot be read."""
        rows = [self.sequence(sample) for sample in samples]
        longest = max(len(tokens) for _, tokens in rows) - 1
        inputs = np.full((len(rows), longest), self._vocabulary.eot, np.int64)
        labels = np.full((len(rows), longest), IGNORED, np.int64)
        for row, (before, tokens) in enumerate(rows):
            inputs[row, : len(tokens) - 1] = tokens[:-1]
            labels[row, before - 1 : len(tokens) - 1] = tokens[before:]
        heard = np.stack([self._acoustics(Sound(sample.clip, window, sample.masks)) for sample in samples])
        return Batch(tuple(sample.clip.example.id for sample in samples), heard, inputs, labels)

    def sequence(self, sample: Sample) -> tuple[int, list[int]]:
        """How many tokens stand before the text, and all: prompt, `<|startoftranscript|>`, language, task,
        `<|notimestamps|>`, text, `<|endoftext|>`."""
        language = sample.clip.example.language
        previous = sample.prompt.tokens(self._vocabulary, language)
        before = self._vocabulary.prompt(previous, language, "transcribe", ())
        return len(before), [*before, *sample.clip.tokens, self._vocabulary.eot]
