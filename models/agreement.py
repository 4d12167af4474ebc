"""How far a converted model is from the one that it was converted from, on real speech."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import ctranslate2
import numpy as np
from rapidfuzz.distance import Levenshtein
from rich.console import Console
from rich.progress import track

from models.hf.model_bin import Float32
from models.manifest import Example, read_examples
from models.recordings import check_audio, read_samples
from service.decoding.features import LogMel
from service.decoding.model import encode, load, to_array
from service.decoding.vocabulary import Vocabulary
from service.decoding.windows import MAX_SAMPLES, window_for
from service.errors import BadRequest

if TYPE_CHECKING:
    from models.hf.reference import Reference

SUPPRESSED = -1e30  # CTranslate2 gives tokens that are not allowed the lowest number that there is


@dataclass(frozen=True, slots=True)
class Agreement:
    """`identical`: utterances with the same greedy tokens. `tokens`: of the original's; `different`: edits between
    the two. `logit_difference`: the largest of any token at any step of the converted model's output;
    `encoder_difference`: of any number in the encoder's output."""

    utterances: int
    identical: int
    tokens: int
    different: int
    logit_difference: float
    encoder_difference: float

    @property
    def rate(self) -> float:
        """The share of tokens that are the same."""
        return 1 - self.different / self.tokens if self.tokens else 1.0

    def __str__(self) -> str:
        return (
            f"{self.identical} of {self.utterances} utterances identical, {100 * self.rate:.2f} % of "
            f"{self.tokens} tokens; logits differ by up to {self.logit_difference:.3g}, the encoder's output by up to "
            f"{self.encoder_difference:.3g}"
        )


@dataclass(frozen=True, slots=True)
class Bounds:
    """The smallest share of equal tokens, the largest difference of a logit."""

    rate: float
    logit_difference: float

    def broken_by(self, found: Agreement) -> list[str]:
        broken = []
        if found.rate < self.rate:
            broken.append(f"{100 * found.rate:.2f} % of the tokens are the same, not {100 * self.rate:g} %")
        if not found.logit_difference <= self.logit_difference:  # NaN breaks it, too
            broken.append(f"logits differ by {found.logit_difference:.3g}, more than {self.logit_difference:g}")
        return broken


def speech(manifest: Path, most: int) -> list[Example]:
    """Up to `most` examples, spread evenly over the manifest. Raises BadRequest for one without audio, or none."""
    examples = list(read_examples(manifest))
    if not examples:
        raise BadRequest(f"{manifest} has no examples to compare on", field="speech")
    step = max(1, len(examples) / most)
    chosen = [examples[int(number * step)] for number in range(min(most, len(examples)))]
    check_audio(chosen, manifest)
    return chosen


def compare(reference: "Reference", converted: Path, examples: Sequence[Example], device: str) -> Agreement:
    """Both models' greedy output for each example, cut to 27 s, in the window that serving takes; with a bar.

    Raises BadRequest for a language that the model has not and for audio that cannot be read, ModelUnavailable when
    the converted model does not load.
    """
    whisper = load(converted, device=device, compute_type="default", threads=1)
    vocabulary = Vocabulary(converted, multilingual=bool(whisper.is_multilingual))
    for example in examples:
        if example.language not in vocabulary.languages:
            raise BadRequest(f"{example.id}, language: the model has no {example.language!r}", field="language")
    log_mel = LogMel(whisper.n_mels)
    found = []
    for example in track(examples, "compare", console=Console(stderr=True)):
        assert example.audio is not None
        samples = read_samples(example.audio)[:MAX_SAMPLES]
        mel = log_mel(samples, window_for(len(samples)))
        prompt = vocabulary.prompt([], example.language, "transcribe", [])
        found.append(_compare_one(reference, whisper, mel, prompt))
    return Agreement(
        len(found),
        sum(each.identical for each in found),
        sum(each.tokens for each in found),
        sum(each.different for each in found),
        float(np.max([each.logit_difference for each in found])),
        float(np.max([each.encoder_difference for each in found])),
    )


def _compare_one(
    reference: "Reference", whisper: ctranslate2.models.Whisper, mel: Float32, prompt: list[int]
) -> Agreement:
    view = encode(whisper, mel[np.newaxis])
    memory, original_memory = to_array(view)[0], reference.encode(mel)
    result = whisper.generate(view, [prompt], beam_size=1, return_logits_vocab=True)[0]
    written, original = list(result.sequences_ids[0]), reference.greedy(original_memory, prompt)
    logits = np.stack([to_array(step) for step in result.logits[0]])
    original_logits = reference.logits(original_memory, prompt, written)[: len(logits)]
    return Agreement(
        utterances=1,
        identical=int(written == original),
        tokens=len(original),
        different=Levenshtein.distance(original, written),
        logit_difference=float(np.abs(logits - original_logits).max(where=~(logits <= SUPPRESSED), initial=0)),
        encoder_difference=float(np.abs(memory - original_memory).max()),
    )
