"""`POST /v1/audio/transcriptions`, in OpenAI's shape."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from service import metrics
from service.errors import SottoError
from service.gateway.biasing import BiasWish
from service.gateway.context import Gateway
from service.gateway.recording import Recording, RecordingOptions
from service.gateway.replies import error_body
from service.gateway.rest.bias_form import FormRoute, bias_form
from service.gateway.rest.transcription import (
    Transcription,
    as_json,
    as_srt,
    as_verbose_json,
    as_vtt,
    segment,
    separator,
)
from service.log.event_log import Event

router = APIRouter(tags=["transcription"], route_class=FormRoute)

ResponseFormat = Literal["json", "text", "srt", "verbose_json", "vtt"]
TIMED_FORMATS = ("verbose_json", "srt", "vtt")
Granularity = Literal["word", "segment"]
T = TypeVar("T")


@router.post(
    "/v1/audio/transcriptions",
    summary="Transcribe a recording",
    responses={
        200: {"content": {"application/json": {}, "text/plain": {}, "text/vtt": {}, "text/event-stream": {}}},
        400: {"description": "a field or the file is at fault; `error.param` names it"},
        404: {"description": "no such model or bias list"},
        413: {"description": "more bytes or seconds than allowed"},
        422: {"description": "more bias entries than allowed"},
        429: {"description": "no room now; try again after `Retry-After` seconds"},
    },
)
async def transcribe(
    request: Request,
    file: Annotated[UploadFile, File(description="WAV, FLAC, MP3, M4A, Ogg, WebM, AMR, G.722 or 3GP")],
    wish: Annotated[BiasWish, Depends(bias_form)],
    model: Annotated[str | None, Form()] = None,
    language: Annotated[str | None, Form(description="ISO 639-1 code; detected when absent")] = None,
    prompt: Annotated[str, Form(max_length=2000)] = "",
    response_format: Annotated[ResponseFormat, Form()] = "json",
    temperature: Annotated[float, Form(ge=0, le=1)] = 0.0,
    stream: Annotated[bool, Form()] = False,
    granularities: Annotated[list[Granularity] | None, Form(alias="timestamp_granularities[]")] = None,
) -> Response:
    gateway: Gateway = request.app.state.gateway
    served = await gateway.admission.model(model or None, language or None)
    await gateway.admission.admit(served, live=False)
    resolved = await gateway.biasing.resolve(wish)
    report = None if wish.is_empty else resolved.report
    word_times = response_format in TIMED_FORMATS  # plain text is spared the alignment
    options = RecordingOptions(
        served,
        language or None,
        prompt=prompt,
        temperature=temperature,
        word_times=word_times,
        bias=resolved.bias,
    )
    events = Recording(gateway, file.file, file.filename, options).events()
    if stream:
        # a bad file is refused with a status, before the stream begins
        first = await _until_disconnect(request, anext(events))
        if first is None:
            return Response(status_code=499)
        return EventStream(_server_sent(first, events, "segment" in set(granularities or ()), report), events)
    transcription = await _until_disconnect(request, _collect(events, report))
    if transcription is None:
        return Response(status_code=499)
    return render(transcription, response_format, granularities or ["segment"])


def render(transcription: Transcription, response_format: ResponseFormat, granularities: list[Granularity]) -> Response:
    """The answer in the format that was asked for."""
    if response_format == "text":
        return PlainTextResponse(transcription.text + "\n")
    if response_format == "srt":
        return PlainTextResponse(as_srt(transcription))
    if response_format == "vtt":
        return PlainTextResponse(as_vtt(transcription), media_type="text/vtt")
    if response_format == "verbose_json":
        wanted = set(granularities)
        return JSONResponse(as_verbose_json(transcription, words="word" in wanted, segments="segment" in wanted))
    return JSONResponse(as_json(transcription))


async def _collect(events: AsyncIterator[Event], bias_report: dict[str, Any] | None) -> Transcription:
    finals: list[Event] = []
    async for event in events:
        if event["type"] == "finished":
            return Transcription(tuple(finals), event["duration"], bias_report)
        finals.append(event)
    raise AssertionError("a recording ends with `finished` or an error")


class EventStream(StreamingResponse):
    """Server-sent events. However the response ends, the recording that they tell of ends with it."""

    def __init__(self, content: AsyncIterator[str], recording: AsyncGenerator[Event, None]) -> None:
        super().__init__(content, media_type="text/event-stream")
        self._recording = recording

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._recording.aclose()


async def _until_disconnect(request: Request, work: Awaitable[T]) -> T | None:
    """Runs `work`, and drops it when the client hangs up: nobody waits for the answer."""
    task = asyncio.ensure_future(work)
    gone = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        return None
    finally:
        for each in (task, gone):
            each.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _server_sent(
    first: Event, rest: AsyncIterator[Event], segments: bool, bias_report: dict[str, Any] | None
) -> AsyncIterator[str]:
    """OpenAI's transcript events: a delta per utterance while later ones are still being decoded."""
    finals: list[Event] = []
    text = ""
    try:
        event = first
        while event["type"] != "finished":
            delta = separator(text, event["language"]) + event["text"]
            text += delta
            yield _data({"type": "transcript.text.delta", "delta": delta})
            if segments:
                number = len(finals)
                yield _data(
                    {"type": "transcript.text.segment", "speaker": "", **segment(number, event), "id": str(number)}
                )
            finals.append(event)
            event = await anext(rest)
        whole = Transcription(tuple(finals), event["duration"], bias_report)
        yield _data({"type": "transcript.text.done", **as_json(whole)})
    except SottoError as error:
        metrics.ERRORS.labels(error.code).inc()
        yield _data({"type": "error", **error_body(error)})
    yield "data: [DONE]\n\n"


def _data(event: dict[str, Any]) -> str:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n"
