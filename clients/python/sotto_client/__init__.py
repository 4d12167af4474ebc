"""Typed client of Sotto: live streams that resume by themselves, and recordings over REST."""

from sotto_client.errors import (
    ApiError,
    BadRequest,
    Conflict,
    Failed,
    NotFound,
    ProtocolError,
    Refused,
    SottoClientError,
    StreamClosed,
    Unauthorized,
    Unreachable,
)
from sotto_client.events import (
    Acknowledged,
    Configured,
    Event,
    Final,
    Finished,
    Partial,
    Problem,
    Resumed,
    SpeechStarted,
    Started,
    Word,
    as_message,
)
from sotto_client.options import AudioFormat, Patience, StreamOptions
from sotto_client.rest import SottoClient
from sotto_client.stream import Stream
from sotto_client.transcription import Segment, TranscribedWord, Transcription

__all__ = [
    "Acknowledged",
    "ApiError",
    "AudioFormat",
    "BadRequest",
    "Configured",
    "Conflict",
    "Event",
    "Failed",
    "Final",
    "Finished",
    "NotFound",
    "Partial",
    "Patience",
    "Problem",
    "ProtocolError",
    "Refused",
    "Resumed",
    "Segment",
    "SottoClient",
    "SottoClientError",
    "SpeechStarted",
    "Started",
    "Stream",
    "StreamClosed",
    "StreamOptions",
    "TranscribedWord",
    "Transcription",
    "Unauthorized",
    "Unreachable",
    "Word",
    "as_message",
]
