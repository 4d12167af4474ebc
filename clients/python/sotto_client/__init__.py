"""Typed client of Sotto, with and without asyncio: live streams that resume by themselves, recordings, bias lists.

`SottoClient` and `AsyncSottoClient` have the same methods; `LiveStream` and `Stream` are their live streams.
"""

from sotto_client.async_rest import AsyncSottoClient
from sotto_client.biasing import BiasList, BiasMatch, BiasReport, Evidence, Keyword, ListVersion, Rejection
from sotto_client.calls import ResponseFormat
from sotto_client.client_secrets import ClientSecret
from sotto_client.errors import (
    ApiError,
    BadRequest,
    Conflict,
    Failed,
    JobCancelled,
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
    SpeechEnded,
    SpeechStarted,
    Started,
    Word,
    as_message,
)
from sotto_client.jobs import Job, JobStatus
from sotto_client.options import AudioFormat, Patience, StreamOptions, Wanted
from sotto_client.rest import SottoClient
from sotto_client.stream import Stream
from sotto_client.threaded import LiveStream
from sotto_client.transcript_events import TextDelta, TextDone, TextSegment, TranscriptEvent
from sotto_client.transcription import Segment, TranscribedWord, Transcription

__all__ = [
    "Acknowledged",
    "ApiError",
    "AsyncSottoClient",
    "AudioFormat",
    "BadRequest",
    "BiasList",
    "BiasMatch",
    "BiasReport",
    "ClientSecret",
    "Configured",
    "Conflict",
    "Event",
    "Evidence",
    "Failed",
    "Final",
    "Finished",
    "Job",
    "JobCancelled",
    "JobStatus",
    "Keyword",
    "ListVersion",
    "LiveStream",
    "NotFound",
    "Partial",
    "Patience",
    "Problem",
    "ProtocolError",
    "Refused",
    "Rejection",
    "ResponseFormat",
    "Resumed",
    "Segment",
    "SottoClient",
    "SottoClientError",
    "SpeechEnded",
    "SpeechStarted",
    "Started",
    "Stream",
    "StreamClosed",
    "StreamOptions",
    "TextDelta",
    "TextDone",
    "TextSegment",
    "TranscribedWord",
    "TranscriptEvent",
    "Transcription",
    "Unauthorized",
    "Unreachable",
    "Wanted",
    "Word",
    "as_message",
]
