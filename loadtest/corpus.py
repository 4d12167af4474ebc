"""Dictation as it would be spoken into a phone: clips joined with pauses, and the true moments of speech."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from loadtest.timings import Utterance
from service.audio.container import read_file
from service.audio.endpointer import Endpoint, Endpointer, EndpointerOptions
from service.audio.vad import SileroVad
from service.errors import BadRequest
from service.transcript import SAMPLE_RATE

Samples = npt.NDArray[np.int16]

PAUSE_S = (0.4, 2.5)  # uniform, as in dictation
LEAD_IN_S = 0.5
TAIL_S = 1.5  # longer than the endpoint silence, so that the last final comes as every other one does
_FRAME = SAMPLE_RATE // 100  # 10 ms
_SPEECH_BELOW_LEVEL_DB = 35.0
_SPEECH_FLOOR_DBFS = -65.0
_PAUSE_NOISE_RMS = 3.0  # of 32768: a quiet room, not digital silence
_LONGEST_CLIP_S = 4 * 3600.0
_SYLLABLES = (
    "bel",
    "cor",
    "da",
    "el",
    "fi",
    "gor",
    "han",
    "in",
    "ka",
    "lu",
    "mar",
    "no",
    "os",
    "pe",
    "ri",
    "sa",
    "tor",
)


@dataclass(frozen=True, slots=True)
class Clip:
    """One line of a manifest; `segments` in seconds when it is a whole session with known utterances."""

    path: Path
    text: str
    language: str
    segments: tuple[Utterance, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SpokenStream:
    """What one client says: int16 mono at 16 kHz, and what is in it (true speech times in seconds). `audible`: when
    the chunk is complete in which each endpoint can be heard, where that was worked out."""

    samples: Samples
    utterances: tuple[Utterance, ...]
    language: str
    audible: tuple[float, ...] = ()


def load_manifest(path: Path, language: str) -> list[Clip]:
    """The clips of one language in which something is said. Raises BadRequest when the manifest cannot be used."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        clips = [_clip(path.parent, values) for values in lines if values["text"] and values["language"] == language]
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror}", field="manifest") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadRequest(f"{path} is not a manifest ({error!r})", field="manifest") from error
    if not clips:
        raise BadRequest(f"{path} has no clip in language {language!r}", field="manifest")
    return clips


def build_streams(clips: Sequence[Clip], *, count: int, seconds: float, seed: int) -> list[SpokenStream]:
    """`count` streams of at least `seconds` (whole sessions: at most), the same for the same seed.

    Clips are shuffled and joined, differently for each client. Where there are only sessions (clips with segments),
    these are used as they are, each client from a segment of its own on.
    Raises OSError, BadAudio for a clip that cannot be read.
    """
    single = [clip for clip in clips if not clip.segments]
    recordings = {clip.path: read_clip(clip.path) for clip in single or clips}
    streams = []
    for index in range(count):
        rng = random.Random(f"{seed}/{index}")
        if single:
            streams.append(_joined(recordings, single, seconds, rng))
        else:
            clip = clips[index % len(clips)]
            streams.append(_excerpt(recordings[clip.path], clip, seconds, rng))
    return streams


def with_audible(spoken: SpokenStream, chunk_ms: int) -> SpokenStream:
    """The stream with the moments at which a server with Sotto's endpointer hears each utterance end."""
    endpointer = Endpointer(SileroVad(), EndpointerOptions())
    size = SAMPLE_RATE * chunk_ms // 1000
    audible = []
    for at in range(0, len(spoken.samples), size):
        marks = endpointer.feed(spoken.samples[at : at + size])
        audible += [(at + size) / SAMPLE_RATE for mark in marks if isinstance(mark, Endpoint)]
    return replace(spoken, audible=tuple(audible))


def names(count: int, seed: int) -> tuple[str, ...]:
    """Invented two-word names for a bias list, all different."""
    rng = random.Random(f"names/{seed}")
    made: dict[str, None] = {}
    while len(made) < count:
        made[" ".join("".join(rng.sample(_SYLLABLES, rng.randint(2, 3))).capitalize() for _ in range(2))] = None
    return tuple(made)


def read_clip(path: Path) -> Samples:
    """All samples of a file. Raises OSError, BadAudio, UnsupportedMedia."""
    with path.open("rb") as source:
        return np.concatenate(
            [np.zeros(0, np.int16), *read_file(source, max_seconds=_LONGEST_CLIP_S, filename=path.name)]
        )


def speech_bounds(samples: Samples) -> tuple[float, float]:
    """Start and end of speech in seconds, by energy: the first and last 20 ms near the clip's speech level.

    The level is the 95th percentile of 10 ms frames; frames down to 35 dB below it count, which keeps weak final
    consonants and drops room noise. A clip without any such frame is all speech.
    """
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64) / 32768
    level_db = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    loud = level_db > max(np.percentile(level_db, 95) - _SPEECH_BELOW_LEVEL_DB, _SPEECH_FLOOR_DBFS)
    sustained = np.flatnonzero(loud[:-1] & loud[1:])
    if not len(sustained):
        return 0.0, len(samples) / SAMPLE_RATE
    return float(sustained[0]) * 0.01, float(sustained[-1] + 2) * 0.01


def _clip(folder: Path, values: dict[str, Any]) -> Clip:
    segments = tuple(Utterance(s["start"], s["end"], s["text"]) for s in values.get("segments") or ())
    return Clip(folder / values["audio"], values["text"], values["language"], segments)


def _joined(recordings: dict[Path, Samples], clips: Sequence[Clip], seconds: float, rng: random.Random) -> SpokenStream:
    parts = [_pause(LEAD_IN_S, rng)]
    utterances: list[Utterance] = []
    length = len(parts[0])
    while length < seconds * SAMPLE_RATE:
        for clip in rng.sample(clips, len(clips)):
            samples = recordings[clip.path]
            start_s, end_s = speech_bounds(samples)
            speech = samples[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
            at_s = length / SAMPLE_RATE
            utterances.append(Utterance(at_s, at_s + len(speech) / SAMPLE_RATE, clip.text))
            parts += [speech, _pause(rng.uniform(*PAUSE_S), rng)]
            length += len(parts[-2]) + len(parts[-1])
            if length >= seconds * SAMPLE_RATE:
                break
    parts.append(_pause(TAIL_S, rng))
    return SpokenStream(np.concatenate(parts), tuple(utterances), clips[0].language)


def _excerpt(samples: Samples, clip: Clip, seconds: float, rng: random.Random) -> SpokenStream:
    """At most `seconds` of a session, from a random segment with enough behind it."""
    last_end = clip.segments[-1].end
    starts = [i for i, segment in enumerate(clip.segments) if last_end - segment.start >= seconds] or [0]
    first = rng.choice(starts)
    begin = round(max(0.0, clip.segments[first].start - LEAD_IN_S) * SAMPLE_RATE)
    inside = [s for s in clip.segments[first:] if s.end * SAMPLE_RATE - begin <= seconds * SAMPLE_RATE]
    inside = inside or [clip.segments[first]]
    stop = round(inside[-1].end * SAMPLE_RATE)
    utterances = tuple(_within(samples, segment, begin) for segment in inside)
    return SpokenStream(np.concatenate([samples[begin:stop], _pause(TAIL_S, rng)]), utterances, clip.language)


def _within(samples: Samples, segment: Utterance, begin: int) -> Utterance:
    """The segment with its true speech bounds, counted from sample `begin`."""
    offset = round(segment.start * SAMPLE_RATE)
    start_s, end_s = speech_bounds(samples[offset : round(segment.end * SAMPLE_RATE)])
    at_s = (offset - begin) / SAMPLE_RATE
    return Utterance(at_s + start_s, at_s + end_s, segment.text)


def _pause(seconds: float, rng: random.Random) -> Samples:
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0, _PAUSE_NOISE_RMS, round(seconds * SAMPLE_RATE))
    return noise.astype(np.int16)
