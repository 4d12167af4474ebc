"""Clips on disk: 16 kHz mono FLAC in `audio/`, whole or not there."""

import re
from pathlib import Path

import numpy as np

from models.recordings import read_samples, write_recording
from models.synthesize.voice import Float32
from service.audio.container import probe_duration
from service.audio.pcm import to_float32, to_int16
from service.audio.resample import Resampler
from service.errors import BadRequest
from service.transcript import SAMPLE_RATE

SUFFIXES = (".flac", ".wav", ".ogg", ".opus", ".mp3", ".m4a")
_PLAIN_NAME = re.compile(r"[\w][\w.,=@+ -]{0,199}")


def clip_path(folder: Path, clip_id: str) -> Path:
    """`folder/audio/<id>.flac`. Raises BadRequest for an id that cannot be a file's name."""
    if not _PLAIN_NAME.fullmatch(clip_id):
        raise BadRequest(f"id {clip_id[:80]!r}: cannot be the name of a file", field="id")
    return folder / "audio" / f"{clip_id}.flac"


def write_clip(path: Path, samples: Float32) -> None:
    """Float32 at 16 kHz as FLAC, whole or not there. Raises StageFull when the disk takes no more."""
    write_recording(path, to_int16(samples))


def read_clip(path: Path) -> Float32:
    """A recording of any kind at 16 kHz. Raises BadRequest that names the file."""
    return to_float32(read_samples(path))


def recordings(folder: Path) -> tuple[Path, ...]:
    """The recordings in a folder and below, by name. Raises BadRequest when there are none or one cannot be read."""
    found = tuple(sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES))
    if not found:
        raise BadRequest(f"noise: {folder} holds no recordings ({', '.join(SUFFIXES)})", field="noise")
    for path in found:
        try:
            with path.open("rb") as file:
                probe_duration(file, path.name)
        except BadRequest as error:
            raise BadRequest(f"noise: {path}: {error.message}", field="noise") from error
    return found


def at_16_khz(samples: Float32, rate: int) -> Float32:
    """Resampled from `rate` Hz. What lies outside -1..1 is clipped; NaN stays, so that it is seen."""
    if rate == SAMPLE_RATE or not np.isfinite(samples).all():
        return samples
    resampler = Resampler(rate)
    return to_float32(np.concatenate([resampler.feed(to_int16(samples)), resampler.flush()]))
