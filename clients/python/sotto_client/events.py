"""The server's messages as frozen dataclasses. Times are seconds since the stream's first sample."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from sotto_client.biasing import BiasMatch, BiasReport, parse_match, parse_report
from sotto_client.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a final; `confidence` is in 0..1."""

    word: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Event:
    """`seq` increases strictly over the life of a stream, reconnections included; there may be gaps."""

    seq: int


@dataclass(frozen=True, slots=True)
class Started(Event):
    """`bias` tells what counts, when the options named any of it."""

    session: str
    resume_token: str
    expires_at: str | float | None = None
    bias: BiasReport | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged(Event):
    """`bytes` of the client's audio, counted from the start of the stream, are safe in the server's store."""

    bytes: int


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """Everything missed has been sent again; the stream goes on from audio byte `bytes`."""

    bytes: int


@dataclass(frozen=True, slots=True)
class SpeechStarted(Event):
    """An utterance has begun."""

    id: str
    start: float


@dataclass(frozen=True, slots=True)
class SpeechEnded(Event):
    """An utterance has ended at `end`, and its final is being decoded. `cause`: "silence" was heard, it had grown to
    the greatest "length", or a "flush" or the end of the audio cut it."""

    id: str
    end: float
    cause: str


@dataclass(frozen=True, slots=True)
class Partial(Event):
    """The caption of an open utterance: `committed` only grows, `tentative` may change; `confidence` is in 0..1."""

    id: str
    committed: str
    tentative: str
    start: float
    end: float
    confidence: float = 0.0

    @property
    def text(self) -> str:
        return self.committed + self.tentative


@dataclass(frozen=True, slots=True)
class Final(Event):
    """The immutable transcript of one utterance; `bias` has the words that keywords or lists put in place."""

    id: str
    text: str
    start: float
    end: float
    language: str
    words: tuple[Word, ...] = ()
    bias: tuple[BiasMatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Configured(Event):
    """`bias` tells what counts from here on, when `configure` named any of it."""

    bias: BiasReport | None = None


@dataclass(frozen=True, slots=True)
class Pong(Event):
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The stream is complete; `duration` is the seconds of audio heard."""

    duration: float


@dataclass(frozen=True, slots=True)
class Problem(Event):
    """An error that the server reported. With an `id` it cost that utterance its text and the stream goes on."""

    code: str
    message: str
    field: str | None = None
    id: str | None = None


_CLASS_BY_TYPE: dict[str, type[Event]] = {
    "started": Started,
    "ack": Acknowledged,
    "resumed": Resumed,
    "speech_started": SpeechStarted,
    "speech_ended": SpeechEnded,
    "partial": Partial,
    "final": Final,
    "configured": Configured,
    "pong": Pong,
    "finished": Finished,
    "error": Problem,
}
_TYPE_BY_CLASS = {kind: name for name, kind in _CLASS_BY_TYPE.items()}


def parse_event(message: str | bytes) -> Event | None:
    """The event in one WebSocket message; None for a type that this version does not know.

    Raises ProtocolError for anything that is not a message of the protocol. Unknown fields are ignored.
    """
    try:
        values = json.loads(message)
        kind = _CLASS_BY_TYPE.get(values["type"])
        if kind is None:
            return None
        known = {field.name: values[field.name] for field in fields(kind) if field.name in values}
        if not isinstance(known["seq"], int):
            raise TypeError("seq is not an integer")
        if "words" in known:
            known["words"] = tuple(_parse_word(word) for word in known["words"] or ())
        if "bias" in known:
            bias = known["bias"]
            known["bias"] = tuple(map(parse_match, bias)) if kind is Final else parse_report(bias)
        return kind(**known)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"message not understood ({error}): {message[:200]!r}") from error


def as_message(event: Event) -> dict[str, Any]:
    """The event as the protocol writes it, ready for JSON."""
    values = asdict(event)
    if values.get("bias", ()) is None:  # nothing of it was asked, so nothing is told
        del values["bias"]
    return {"type": _TYPE_BY_CLASS[type(event)], **values}


def _parse_word(values: dict[str, Any]) -> Word:
    return Word(values["word"], values["start"], values["end"], values["confidence"])
