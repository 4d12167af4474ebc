"""Recordings to text, in process and in batches: what filtering, pseudo-labels and evaluation share."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

from models.manifest import Example
from models.recordings import read_example, spans
from service.audio.pcm import Int16
from service.audio.vad import SileroVad
from service.decoding.utterance import DecodeOptions, Utterance
from service.decoding.whisper import WhisperDecoder
from service.errors import BadRequest

GROUP = 32  # examples: a killed stage has lost the work on so many at most

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """`samples`: int16 [n], mono, 16 kHz, of any length; `language`: ISO 639-1 code."""

    samples: Int16
    language: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A transcript; `alternatives` are the beam's next best, of recordings that fit into one window.

    `avg_logprob`: per token, natural logarithm; the mean over the utterances of a long recording.
    """

    text: str
    alternatives: tuple[str, ...] = ()
    avg_logprob: float = 0.0


class Recogniser(Protocol):
    def hear(self, speech: Sequence[Speech], *, beam_size: int) -> list[Heard]:
        """A transcript of each, in order; empty where nobody speaks. A beam of 1 is greedy.

        Raises BadRequest for a language that the recogniser lacks.
        """
        ...


@dataclass(frozen=True, slots=True)
class Device:
    """Where a recogniser runs: `threads` batches of `batch` utterances at once."""

    name: str
    compute_type: str
    threads: int
    batch: int


class WhisperRecogniser:
    """A CTranslate2 Whisper model in this process. Raises ModelUnavailable when it cannot be loaded."""

    def __init__(self, model_dir: Path, device: Device) -> None:
        self._device = device
        self._decoder = WhisperDecoder(
            model_dir, device=device.name, compute_type=device.compute_type, threads=device.threads
        )

    def hear(self, speech: Sequence[Speech], *, beam_size: int) -> list[Heard]:
        """See `Recogniser`."""
        for language in {each.language for each in speech}:
            if not self._decoder.supports(language):
                raise BadRequest(f"the model does not know the language {language!r}", field="language")
        pieces = [
            (index, Utterance(each.samples[start:end], _options(each.language, beam_size)))
            for index, each in enumerate(speech)
            for start, end in spans(each.samples, self._vad)
        ]
        heard: list[list[Heard]] = [[] for _ in speech]
        for (index, _), one in zip(pieces, self._decode([utterance for _, utterance in pieces]), strict=True):
            heard[index].append(one)
        return [_joined(parts) for parts in heard]

    @cached_property
    def _vad(self) -> SileroVad:
        return SileroVad()

    def _decode(self, utterances: Sequence[Utterance]) -> list[Heard]:
        # neighbours by length share a window, and so a call
        order = sorted(range(len(utterances)), key=lambda index: len(utterances[index].samples))
        batches = list(grouped(order, self._device.batch))
        found: dict[int, Heard] = {}
        with ThreadPoolExecutor(self._device.threads) as pool:
            heard = pool.map(lambda batch: self._hear([utterances[index] for index in batch]), batches)
            for batch, texts in zip(batches, heard, strict=True):
                found |= zip(batch, texts, strict=True)
        return [found[index] for index in range(len(utterances))]

    def _hear(self, batch: Sequence[Utterance]) -> list[Heard]:
        result = self._decoder.decode(batch)
        return [
            Heard(hypothesis.text.strip(), alternatives, hypothesis.avg_logprob)
            for hypothesis, alternatives in zip(result.hypotheses, result.alternatives, strict=True)
        ]


def hear_examples(
    examples: Iterable[Example], recogniser: Recogniser, *, beam_size: int = 1
) -> Iterator[tuple[Example, Heard | BadRequest]]:
    """Each example with its transcript, in order, or with what is wrong with its audio."""
    for group in grouped(examples, GROUP):
        read = [_read(example) for example in group]
        sound = [each for each in read if isinstance(each, Speech)]
        heard = iter(recogniser.hear(sound, beam_size=beam_size))
        for example, each in zip(group, read, strict=True):
            yield example, next(heard) if isinstance(each, Speech) else each


def grouped(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """`items` in lists of `size`, the last one shorter."""
    each = iter(items)
    while group := list(islice(each, size)):
        yield group


def _read(example: Example) -> Speech | BadRequest:
    try:
        return Speech(read_example(example), example.language)
    except BadRequest as error:
        return error


def _options(language: str, beam_size: int) -> DecodeOptions:
    return DecodeOptions(language=language, beam_size=beam_size, word_times=False)


def _joined(parts: Sequence[Heard]) -> Heard:
    if len(parts) <= 1:
        return parts[0] if parts else Heard("")
    logprob = sum(part.avg_logprob for part in parts) / len(parts)
    return replace(
        parts[0], text=" ".join(part.text for part in parts if part.text), alternatives=(), avg_logprob=logprob
    )
