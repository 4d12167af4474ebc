"""A transcript that arrives utterance by utterance, as server-sent events. Pure: no I/O."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from sotto_client.biasing import BiasReport, parse_report
from sotto_client.errors import ProtocolError, error_from_response
from sotto_client.transcription import Segment, parse_segment


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The text of one more utterance, leading space included; all deltas joined are the transcript."""

    delta: str


@dataclass(frozen=True, slots=True)
class TextSegment:
    """The utterance whose text came with the delta before."""

    segment: Segment


@dataclass(frozen=True, slots=True)
class TextDone:
    """The whole transcript; `seconds` is the duration of the recording, rounded up to whole seconds. `bias` tells what
    was done of the names and phrases, when the request named any."""

    text: str
    seconds: int
    bias: BiasReport | None = None


TranscriptEvent = TextDelta | TextSegment | TextDone


class TranscriptReader:
    """Turns the body of the answer, piece by piece, into events; it may be cut anywhere. The last is `TextDone`."""

    def __init__(self) -> None:
        self._rest = ""
        self._data: list[str] = []  # lines of the event that is not complete yet
        self._done = False

    def feed(self, text: str) -> Iterator[TranscriptEvent]:
        """The events that are complete with `text`; types that this version does not know are left out.

        Raises ApiError when the server tells that it failed, ProtocolError for anything else.
        """
        # not splitlines: JSON may hold characters that it takes for line ends
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            line = line.removesuffix("\r")
            if line.startswith("data:"):
                self._data.append(line.removeprefix("data:").removeprefix(" "))
            elif not line and self._data:
                data, self._data = "\n".join(self._data), []
                if data != "[DONE]" and (event := _parse(data)) is not None:
                    self._done = isinstance(event, TextDone)
                    yield event

    def end(self) -> None:
        """The body has ended. Raises ProtocolError when the transcript has not."""
        if not self._done:
            raise ProtocolError("the server's answer ended before the transcript was done")


def _parse(data: str) -> TranscriptEvent | None:
    try:
        values = json.loads(data)
        match values["type"]:
            case "transcript.text.delta":
                return TextDelta(values["delta"])
            case "transcript.text.segment":
                return TextSegment(parse_segment(values))
            case "transcript.text.done":
                bias = parse_report(values["bias"]) if "bias" in values else None
                return TextDone(values["text"], values["usage"]["seconds"], bias)
            case "error":
                failure = error_from_response(None, values)
            case _:
                return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"event not understood ({error}): {data[:200]!r}") from error
    raise failure
