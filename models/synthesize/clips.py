"""Clips on disk: 16 kHz mono FLAC in `audio/`, whole or not there."""

import io
import re
from pathlib import Path

import av
import numpy as np

from models.synthesize.voice import Float32
from service.audio.container import probe_duration, read_file
from service.audio.pcm import to_float32, to_int16
from service.audio.resample import Resampler
from service.errors import BadAudio, BadRequest
from service.transcript import SAMPLE_RATE

SUFFIXES = (".flac", ".wav", ".ogg", ".opus", ".mp3", ".m4a")
LONGEST_S = 3_600.0
_PLAIN_NAME = re.compile(r"[\w][\w.,=@+ -]{0,199}")


def clip_path(folder: Path, clip_id: str) -> Path:
    """`folder/audio/<id>.flac`. Raises BadRequest for an id that cannot be a file's name."""
    if not _PLAIN_NAME.fullmatch(clip_id):
        raise BadRequest(f"id {clip_id[:80]!r}: cannot be the name of a file", field="id")
    return folder / "audio" / f"{clip_id}.flac"


def write_clip(path: Path, samples: Float32) -> None:
    """Float32 at 16 kHz as FLAC, renamed into place when it is whole. One process may write a clip. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(_flac(samples))
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def read_clip(path: Path) -> Float32:
    """A recording of any kind at 16 kHz. Raises BadAudio that names the file, BadRequest when it cannot be opened."""
    try:
        with path.open("rb") as file:
            return to_float32(np.concatenate(list(read_file(file, max_seconds=LONGEST_S, filename=path.name))))
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror}", field="audio") from error
    except BadRequest as error:
        raise BadAudio(f"{path}: {error.message}", field="audio") from error


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


def _flac(samples: Float32) -> bytes:
    whole = io.BytesIO()
    with av.open(whole, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono", format="s16")
        frame = av.AudioFrame.from_ndarray(to_int16(samples)[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return whole.getvalue()
