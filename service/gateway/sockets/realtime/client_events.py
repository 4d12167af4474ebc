"""What a client of the Realtime API may say. Every event may carry an `event_id`, which an error about it repeats."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from service.gateway.sockets.realtime.errors import InvalidEvent, from_validation


class _ClientEvent(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    event_id: str | None = Field(default=None, max_length=512)


class SessionUpdate(_ClientEvent):
    type: Literal["session.update"]
    session: dict[str, Any]


class TranscriptionSessionUpdate(_ClientEvent):
    """Of the beta, in place of `session.update`."""

    type: Literal["transcription_session.update"]
    session: dict[str, Any]


class Append(_ClientEvent):
    type: Literal["input_audio_buffer.append"]
    audio: str

    def data(self) -> bytes:
        """The audio's bytes. Raises InvalidEvent when they are not Base64."""
        try:
            return base64.b64decode(self.audio, validate=True)
        except (binascii.Error, ValueError):
            message = "Invalid 'audio'. Expected base64-encoded audio bytes."
            raise InvalidEvent("invalid_value", message, field="audio") from None


class Commit(_ClientEvent):
    type: Literal["input_audio_buffer.commit"]


class Clear(_ClientEvent):
    type: Literal["input_audio_buffer.clear"]


ClientEvent = SessionUpdate | TranscriptionSessionUpdate | Append | Commit | Clear
CURRENT = ("session.update", "input_audio_buffer.append", "input_audio_buffer.commit", "input_audio_buffer.clear")
BETA = ("transcription_session.update", *CURRENT[1:])

_events: TypeAdapter[ClientEvent] = TypeAdapter(Annotated[ClientEvent, Field(discriminator="type")])


@dataclass(frozen=True, slots=True)
class Parsed:
    """A client event, or what is wrong with it, and the id under which the client knows it."""

    event_id: str | None
    event: ClientEvent | None = None
    error: InvalidEvent | None = None


def parse(text: str, types: tuple[str, ...]) -> Parsed:
    """One text frame; `types` are those of the client's dialect."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Parsed(None, error=InvalidEvent("invalid_json", f"The event is not valid JSON: {error}."))
    if not isinstance(raw, dict):
        return Parsed(None, error=InvalidEvent("invalid_type", "An event is a JSON object."))
    given = raw.get("event_id")
    event_id = given if isinstance(given, str) else None
    if "type" in raw and raw["type"] not in types:
        supported = ", ".join(f"'{name}'" for name in types)
        message = f"Invalid value: '{raw['type']}'. Supported values are: {supported}."
        return Parsed(event_id, error=InvalidEvent("invalid_value", message, field="type"))
    try:
        return Parsed(event_id, event=_events.validate_python(raw))
    except ValidationError as error:
        location = error.errors(include_url=False)[0]["loc"]
        return Parsed(event_id, error=from_validation(error, "", skip=min(1, len(location))))
