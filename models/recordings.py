"""Recordings of the training pipeline: any audio file to samples, long ones cut into utterances, samples to FLAC."""

import io
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import av
import numpy as np

from models.manifest import Example
from models.stage import write_whole
from service.audio.container import read_file
from service.audio.endpointer import Endpoint, Endpointer, EndpointerOptions
from service.audio.pcm import Int16
from service.audio.vad import SileroVad
from service.decoding.windows import MAX_SAMPLES
from service.errors import BadAudio, BadRequest
from service.transcript import SAMPLE_RATE

MAX_SECONDS = 4 * 3600
TOLERANCE_S, TOLERANCE = 0.5, 0.05  # between a manifest's durations and its files: seconds, and a share
_FED = 60 * SAMPLE_RATE  # samples: the endpointer's frames of a minute fit into the cache


def check_audio(examples: Iterable[Example], origin: Path) -> None:
    """Raises BadRequest, before any work is done, that names the first example without a recording that is there."""
    for example in examples:
        if example.audio is None:
            raise BadRequest(f"{origin}, {example.id}, audio: is missing", field="audio")
        if not example.audio.is_file():
            raise BadRequest(f"{origin}, {example.id}, audio: there is no {example.audio}", field="audio")


def read_samples(path: Path) -> Int16:
    """Mono int16 [n] at 16 kHz of any file that Sotto reads. Raises BadRequest that names file and field."""
    try:
        with path.open("rb") as source:
            return np.concatenate(list(read_file(source, max_seconds=MAX_SECONDS, filename=path.name)))
    except BadRequest as error:
        raise type(error)(f"{path}: {error.message}", field="audio") from error
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror}", field="audio") from error


def read_example(example: Example) -> Int16:
    """`read_samples` of an example whose audio is there.

    Raises BadAudio, too, where it lasts another time than its manifest says: the usual sign of a wrong sample rate.
    """
    assert example.audio is not None  # see `check_audio`
    samples = read_samples(example.audio)
    told, real = example.duration, len(samples) / SAMPLE_RATE
    if told is not None and abs(real - told) > TOLERANCE_S + TOLERANCE * told:
        raise BadAudio(
            f"{example.audio}: lasts {real:.2f} s at the sample rate that it states, the manifest says {told:.2f} s",
            field="audio",
        )
    return samples


def spans(samples: Int16, vad: SileroVad) -> list[tuple[int, int]]:
    """The utterances of a recording as (start, end) in samples; one that a window holds stays whole.

    A longer one is cut as the service cuts uploads; what is no speech falls out.
    """
    if len(samples) <= MAX_SAMPLES:
        return [(0, len(samples))]
    endpointer = Endpointer(vad, EndpointerOptions.OFFLINE)
    marks = [mark for at in range(0, len(samples), _FED) for mark in endpointer.feed(samples[at : at + _FED])]
    return [(mark.start, mark.end) for mark in [*marks, *endpointer.flush()] if isinstance(mark, Endpoint)]


def write_flac(folder: Path, name: str, samples: Int16) -> Path:
    """Writes a recording to a file of `folder`, whatever characters its name holds; its path. See `write_recording`."""
    path = folder / f"{quote(name, safe='@ ')}.flac"
    write_recording(path, samples)
    return path


def write_recording(path: Path, samples: Int16) -> None:
    """Writes int16 [n], 16 kHz mono, as FLAC to a file that is there whole or not at all.

    Raises StageFull when the disk takes no more.
    """
    write_whole(path, _flac(samples))


def _flac(samples: Int16) -> bytes:
    whole = io.BytesIO()
    with av.open(whole, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return whole.getvalue()
