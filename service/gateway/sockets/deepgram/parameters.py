"""The query parameters of Deepgram's `/v1/listen`, each declared once, and how their values are read. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from service.errors import BadRequest

Status = Literal["supported", "ignored", "refused"]
Mode = Literal["live", "recorded"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """What becomes of a parameter of a live stream and of a recording; None where Deepgram has none."""

    live: Status | None = None
    recorded: Status | None = None


def _both(status: Status) -> Parameter:
    return Parameter(status, status)


SUPPORTED, IGNORED, REFUSED = _both("supported"), _both("ignored"), _both("refused")

PARAMETERS: dict[str, Parameter] = {
    # both
    "channels": SUPPORTED,
    "detect_language": SUPPORTED,
    "encoding": SUPPORTED,
    "extra": SUPPORTED,
    "keyterm": SUPPORTED,
    "keywords": SUPPORTED,
    "language": SUPPORTED,
    "language_hint": SUPPORTED,
    "model": SUPPORTED,
    "multichannel": SUPPORTED,
    "punctuate": SUPPORTED,
    "sample_rate": SUPPORTED,
    "smart_format": SUPPORTED,
    "alternatives": IGNORED,
    "callback_method": IGNORED,
    "detect_entities": IGNORED,
    "diarize": IGNORED,
    "diarize_model": IGNORED,
    "dictation": IGNORED,
    "filler_words": IGNORED,
    "mip_opt_out": IGNORED,
    "numerals": IGNORED,
    "profanity_filter": IGNORED,
    "replace": IGNORED,
    "search": IGNORED,
    "version": IGNORED,
    # whoever asks for these must not believe that it was done
    "callback": REFUSED,
    "redact": REFUSED,
    # live streams
    "endpointing": Parameter(live="supported"),
    "interim_results": Parameter(live="supported"),
    "utterance_end_ms": Parameter(live="supported"),
    "vad_events": Parameter(live="supported"),
    "no_delay": Parameter(live="ignored"),
    # recordings
    "paragraphs": Parameter(recorded="supported"),
    "tag": Parameter(live="ignored", recorded="supported"),
    "utt_split": Parameter(recorded="supported"),
    "utterances": Parameter(recorded="supported"),
    "custom_intent": Parameter(recorded="ignored"),
    "custom_intent_mode": Parameter(recorded="ignored"),
    "custom_topic": Parameter(recorded="ignored"),
    "custom_topic_mode": Parameter(recorded="ignored"),
    "intents": Parameter(recorded="ignored"),
    "measurements": Parameter(recorded="ignored"),
    "sentiment": Parameter(recorded="ignored"),
    "summarize": Parameter(recorded="ignored"),
    "topics": Parameter(recorded="ignored"),
}


class Given(Protocol):
    """A query string: starlette's QueryParams."""

    def getlist(self, key: str) -> Sequence[str]: ...


class Reader:
    """Reads what is supported in one mode; `read` holds the names that were asked for.

    Raises BadRequest naming the parameter when its value is none, or when it is refused.
    """

    def __init__(self, given: Given, mode: Mode) -> None:
        self._given = given
        self._mode: Mode = mode
        self.read: set[str] = set()
        for name, parameter in PARAMETERS.items():
            if getattr(parameter, mode) == "refused" and set(map(str.lower, given.getlist(name))) - {"", "false"}:
                raise BadRequest(f"{name} is not supported here", field=name)

    def all(self, name: str) -> list[str]:
        """Every value that is not empty, in order."""
        if getattr(PARAMETERS[name], self._mode) != "supported":
            raise AssertionError(f"{name} is read but not declared as supported in {self._mode}")
        self.read.add(name)
        return [value for value in self._given.getlist(name) if value]

    def text(self, name: str) -> str | None:
        """The last value."""
        values = self.all(name)
        return values[-1] if values else None

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in ("true", "false"):
            raise BadRequest(f"{name} must be true or false, not {value[:40]!r}", field=name)
        return value.lower() == "true"

    def whole(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            raise BadRequest(f"{name} must be a whole number, not {value[:40]!r}", field=name)
        return int(value)
