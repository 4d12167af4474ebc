"""Whether the GPU hears what the CPU hears: the same texts of real speech, whatever the compute type."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.accuracy import word_errors
from loadtest.corpus import Clip, Samples, read_clip
from service.decoding.utterance import DecodeOptions, Utterance
from service.decoding.whisper import WhisperDecoder

BATCH = 8


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of a compute type with the CPU in float32: clips whose texts are equal, and words that differ."""

    compute_type: str
    clips: int
    equal: int
    words: int
    different_words: int
    differing: tuple[tuple[str, str], ...]  # (CPU, device)


def texts(decoder: WhisperDecoder, clips: Sequence[Clip], spoken: Sequence[Samples]) -> list[str]:
    """What the decoder hears, in batches."""
    heard: list[str] = []
    for at in range(0, len(clips), BATCH):
        pairs = zip(clips[at : at + BATCH], spoken[at : at + BATCH], strict=True)
        batch = [Utterance(samples, DecodeOptions(language=clip.language)) for clip, samples in pairs]
        heard += [hypothesis.text.strip() for hypothesis in decoder.decode(batch).hypotheses]
    return heard


def agreements(folder: Path, clips: Sequence[Clip], *, device: str, compute_types: Sequence[str]) -> list[Agreement]:
    """One for each compute type. Raises ModelUnavailable for one that does not suit the device."""
    spoken = [read_clip(clip.path) for clip in clips]
    reference = texts(WhisperDecoder(folder, device="cpu", compute_type="float32", threads=1), clips, spoken)
    found = []
    for compute_type in compute_types:
        heard = texts(WhisperDecoder(folder, device=device, compute_type=compute_type, threads=1), clips, spoken)
        errors = [word_errors(one, other) for one, other in zip(reference, heard, strict=True)]
        found.append(
            Agreement(
                compute_type,
                len(clips),
                sum(one == other for one, other in zip(reference, heard, strict=True)),
                sum(error.words for error in errors),
                sum(error.errors for error in errors),
                tuple((one, other) for one, other in zip(reference, heard, strict=True) if one != other),
            )
        )
    return found
