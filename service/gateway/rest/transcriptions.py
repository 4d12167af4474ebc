"""`POST /v1/audio/transcriptions` and `POST /v1/audio/translations`, in OpenAI's shape."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Request, UploadFile
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from service import metrics
from service.errors import BadRequest, SottoError
from service.gateway.auth import caller_of
from service.gateway.context import Gateway
from service.gateway.recording import Recording, RecordingOptions
from service.gateway.replies import error_body
from service.gateway.rest.bias_form import FormRoute
from service.gateway.rest.described import described
from service.gateway.rest.disconnects import EventStream, until_disconnect
from service.gateway.rest.schemas import Json, VerboseJson
from service.gateway.rest.transcription import (
    Transcription,
    as_json,
    as_srt,
    as_verbose_json,
    as_vtt,
    collect,
    segment,
    separator,
    written_language,
)
from service.gateway.rest.transcription_form import Answer, TranscriptionWish, transcription_form, translation_form
from service.log.event_log import Event
from service.log.tenants import Tenant

router = APIRouter(tags=["transcription"], route_class=FormRoute)

Upload = Annotated[UploadFile, File(description="WAV, FLAC, MP3, M4A, Ogg, WebM, AMR, G.722 or 3GP")]
TEXTS: dict[str, Any] = {media_type: {"schema": {"type": "string"}} for media_type in ("text/plain", "text/vtt")}
EVENT = {"type": "string", "description": "a `transcript.text.…` event or an `error` as JSON, at last `[DONE]`"}
EVENTS: dict[str, Any] = {
    "text/event-stream": {"schema": {"type": "object", "required": ["data"], "properties": {"data": EVENT}}}
}
REFUSED = (400, 401, 404, 413, 415, 422, 429, 500, 503)


@router.post(
    "/v1/audio/transcriptions",
    summary="Transcribe a recording",
    responses=described(VerboseJson | Json, *REFUSED, content=TEXTS | EVENTS),
)
async def transcribe(
    request: Request, file: Upload, wish: Annotated[TranscriptionWish, Depends(transcription_form)]
) -> Response:
    return await _answer(request, file, wish)


@router.post(
    "/v1/audio/translations",
    summary="Translate a recording to English",
    responses=described(VerboseJson | Json, *REFUSED, content=TEXTS),
)
async def translate(
    request: Request, file: Upload, wish: Annotated[TranscriptionWish, Depends(translation_form)]
) -> Response:
    return await _answer(request, file, wish)


async def _answer(request: Request, file: UploadFile, wish: TranscriptionWish) -> Response:
    gateway: Gateway = request.app.state.gateway
    tenant = caller_of(request).tenant
    options = await _options(gateway, tenant, wish)
    await gateway.admission.admit(options.model, live=False)
    resolved = await gateway.biasing.resolve(tenant, wish.bias)
    report = None if wish.bias.is_empty else resolved.report
    events = Recording(gateway, tenant, file.file, file.filename, replace(options, bias=resolved.bias)).events()
    if wish.answer.stream:
        # a bad file is refused with a status, before the stream begins
        first = await until_disconnect(request, anext(events))
        if first is None:
            return Response(status_code=499)
        return EventStream(_server_sent(first, events, wish, report), events)
    transcription = await until_disconnect(request, collect(events, bias_report=report, task=wish.task))
    if transcription is None:
        return Response(status_code=499)
    return render(transcription, wish.answer)


async def _options(gateway: Gateway, tenant: Tenant, wish: TranscriptionWish) -> RecordingOptions:
    """Raises UnknownModel, NoWorkers, and BadRequest for what the model does not know."""
    model = await gateway.admission.model(wish.model, wish.language, tenant=tenant.id)
    known = await gateway.admission.languages(model)
    for code in wish.languages:
        if code not in known:
            raise BadRequest(f"{code!r} is not a language that {model} knows", field="languages[]")
    if wish.task == "translate" and len(known) == 1:
        raise BadRequest(f"{model} knows only English, so it cannot translate", field="model")
    return RecordingOptions(
        model,
        wish.language,
        languages=wish.languages,
        task=wish.task,
        prompt=wish.prompt,
        temperature=wish.temperature,
        word_times=wish.answer.word_times,
        logprobs=wish.answer.logprobs,
        endpointing=wish.endpointing,
    )


def render(transcription: Transcription, answer: Answer) -> Response:
    """The answer in the format that was asked for."""
    match answer.response_format:
        case "text":
            return PlainTextResponse(transcription.text + "\n")
        case "srt":
            return PlainTextResponse(as_srt(transcription))
        case "vtt":
            return PlainTextResponse(as_vtt(transcription), media_type="text/vtt")
        case "verbose_json":
            return JSONResponse(as_verbose_json(transcription, words=answer.words, segments=answer.segments))
        case "json":
            return JSONResponse(as_json(transcription, logprobs=answer.logprobs))


async def _server_sent(
    first: Event, rest: AsyncIterator[Event], wish: TranscriptionWish, bias_report: dict[str, Any] | None
) -> AsyncIterator[str]:
    """OpenAI's transcript events: a delta per utterance while later ones are still being decoded."""
    answer = wish.answer
    finals: list[Event] = []
    text = ""
    try:
        event = first
        while event["type"] != "finished":
            delta = separator(text, written_language(event["language"], wish.task)) + event["text"]
            text += delta
            logprobs = {"logprobs": event["logprobs"]} if answer.logprobs else {}
            yield _data({"type": "transcript.text.delta", "delta": delta, **logprobs})
            if answer.segments:
                number = len(finals)
                yield _data(
                    {"type": "transcript.text.segment", "speaker": "", **segment(number, event), "id": str(number)}
                )
            finals.append(event)
            event = await anext(rest)
        whole = Transcription(tuple(finals), event["duration"], bias_report, wish.task)
        words = {"words": whole.words} if answer.words else {}
        yield _data({"type": "transcript.text.done", **as_json(whole, logprobs=answer.logprobs), **words})
    except SottoError as error:
        metrics.ERRORS.labels(error.code).inc()
        yield _data({"type": "error", **error_body(error)})
    yield "data: [DONE]\n\n"


def _data(event: dict[str, Any]) -> str:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n"
