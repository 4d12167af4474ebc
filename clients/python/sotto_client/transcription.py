"""The transcript of a recording, as the REST interface answers."""

from dataclasses import dataclass
from typing import Any

from sotto_client.biasing import BiasReport, parse_report
from sotto_client.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class TranscribedWord:
    """Times in seconds from the start of the recording; `confidence` in 0..1, None where the server gives none."""

    word: str
    start: float
    end: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """One utterance, counted from 0. Times in seconds from the start of the recording; `confidence` in 0..1, the
    geometric mean of its tokens' probabilities, None where the server gives none."""

    id: int
    start: float
    end: float
    text: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Transcription:
    """`duration` in seconds; `language` is the code of the text's language, None when nothing was said; `words` are
    empty in a translation; `bias` tells what was done of the names and phrases, when the request named any."""

    text: str
    language: str | None
    duration: float
    segments: tuple[Segment, ...]
    words: tuple[TranscribedWord, ...]
    bias: BiasReport | None = None


def parse_transcription(values: Any) -> Transcription:
    """From `verbose_json`. Raises ProtocolError when it is something else."""
    try:
        return Transcription(
            text=values["text"],
            language=values.get("language_code", values["language"]),
            duration=float(values["duration"]),
            segments=tuple(map(parse_segment, values.get("segments") or ())),
            words=tuple(
                TranscribedWord(word["word"], word["start"], word["end"], word.get("confidence"))
                for word in values.get("words") or ()
            ),
            bias=parse_report(values["bias"]) if "bias" in values else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"the server's answer is not a transcription ({error})") from error


def parse_segment(values: Any) -> Segment:
    """Raises KeyError, TypeError or ValueError for something else. Server-sent events write `id` as a string."""
    return Segment(int(values["id"]), values["start"], values["end"], values["text"].strip(), values.get("confidence"))
