"""What is said into the microphone, and how well a text tells it."""

from dataclasses import dataclass
from pathlib import Path

from loadtest.accuracy import word_errors
from service.transcript import SAMPLE_RATE
from tests.e2e.recordings import manifest, samples
from tests.unit.audio.encoded import wav

SILENCE_S = 0.7  # behind the last sentence: enough to end its utterance


@dataclass(frozen=True)
class Speech:
    """The first sentences of the demo as a WAV file; `seconds` whole seconds are enough to hear them all."""

    file: Path
    text: str
    seconds: int

    def error_rate(self, text: str) -> float:
        errors = word_errors(self.text, text)
        return errors.errors / errors.words


def speech(folder: Path, segments: int) -> Speech:
    """`segments` passages of the demo, up to 5."""
    spoken = manifest()["demo"]["segments"][:segments]
    end = spoken[-1]["end"] + SILENCE_S
    file = folder / "microphone.wav"
    file.write_bytes(wav(samples("demo")[: round(end * SAMPLE_RATE)]))
    return Speech(file, " ".join(segment["text"] for segment in spoken), int(end) + 1)
