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
    """One utterance. Times in seconds."""

    id: int
    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Transcription:
    """`duration` in seconds; `language` as the server names it; `bias` tells what was done of what was asked."""

    text: str
    language: str
    duration: float
    segments: tuple[Segment, ...]
    words: tuple[TranscribedWord, ...]
    bias: BiasReport | None = None


def parse_transcription(values: Any) -> Transcription:
    """From `verbose_json`. Raises ProtocolError when it is something else."""
    try:
        return Transcription(
            text=values["text"],
            language=values["language"],
            duration=float(values["duration"]),
            segments=tuple(
                Segment(segment["id"], segment["start"], segment["end"], segment["text"].strip())
                for segment in values.get("segments") or ()
            ),
            words=tuple(
                TranscribedWord(word["word"], word["start"], word["end"], word.get("confidence"))
                for word in values.get("words") or ()
            ),
            bias=parse_report(values["bias"]) if "bias" in values else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"the server's answer is not a transcription ({error})") from error
