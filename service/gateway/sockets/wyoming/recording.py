"""Between a recording as Wyoming has it and the finals of a live session: samples in, a growing transcript out."""

import numpy as np

from service.errors import BadRequest
from service.gateway.rest.transcription import Transcription, separator
from service.log.event_log import Event

WIDTHS = range(1, 5)  # bytes per sample


class Samples:
    """Samples of 1 byte (unsigned) or 2 to 4 bytes (signed, little endian) to pcm_s16le; chunks may be cut anywhere.

    Raises BadRequest for another width.
    """

    def __init__(self, width: int) -> None:
        if width not in WIDTHS:
            raise BadRequest("width must be 1, 2, 3 or 4 bytes", field="audio-start.width")
        self._width = width
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        if self._width == 2:
            return data
        data = self._rest + data
        whole = len(data) - len(data) % self._width
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], np.uint8).reshape(-1, self._width)
        if self._width == 1:
            return ((samples.astype("<i2") - 128) << 8).tobytes()
        return samples[:, -2:].tobytes()


class GrowingTranscript:
    """The text of a recording's utterances in the order they were spoken. `language`: the one asked for, if any.

    Texts only grow: an utterance's committed words are told when all before it is final, and its final begins with
    them. What separates utterances depends on the language; where that is yet to be detected, the final is waited for.
    """

    def __init__(self, language: str | None) -> None:
        self._asked = language
        self._finals: list[Event] = []
        self._ended = 0
        self._text = ""
        self._told = ""

    @property
    def whole(self) -> Transcription:
        """Of the finals so far; their duration is not counted."""
        return Transcription(tuple(self._finals), 0.0)

    def add_partial(self, partial: Event) -> str:
        """What can be told of the open utterance that was not yet told."""
        utterance = int(partial["id"].rpartition(".")[2])
        if utterance != self._ended or not partial["committed"] or (self._text and not self._asked):
            return ""
        return self._tell(self._text + separator(self._text, self._asked or "") + partial["committed"])

    def add_final(self, final: Event) -> str:
        """What is yet to be told up to the end of the utterance. Every utterance needs its final, also an empty one."""
        self._ended += 1
        if final["text"]:
            self._finals.append(final)
            self._text += separator(self._text, final["language"]) + final["text"]
        return self._tell(self._text)

    def _tell(self, text: str) -> str:
        growth = text[len(self._told) :]
        self._told += growth
        return growth
