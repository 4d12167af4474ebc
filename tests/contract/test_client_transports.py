"""The REST client with and without asyncio against the real server: the same answers and errors, field by field."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sotto_client import (
    ApiError,
    BadRequest,
    ClientSecret,
    Final,
    Finished,
    NotFound,
    SpeechStarted,
    TextDelta,
    TextDone,
    TextSegment,
    Transcription,
)

from tests.conftest import DATA
from tests.stack import Stack
from tests.unit.client.both_clients import STREAMS, TRANSPORTS, Ask

pytestmark = pytest.mark.slow

CLIP = DATA / "human-en-vm-newuser.flac"
FRENCH = DATA / "human-fr-followme-status.flac"
DEMO = DATA / "demo.flac"
KEYWORDS = ["mailbox", {"phrase": "Loro Piana", "boost": 0.5}, ""]


@pytest.fixture(params=TRANSPORTS)
def ask(request: pytest.FixtureRequest) -> Ask:
    return TRANSPORTS[request.param]


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    path = tmp_path / "letter.wav"
    path.write_text("Dear Sir or Madam")
    return path


async def agreed(url: str, method: str, *values: Any, **wanted: Any) -> Any:
    """What both transports answer, which must be the same."""
    first, second = [await ask(url, method, *values, **wanted) for ask in TRANSPORTS.values()]
    assert first == second
    return first


async def test_a_recording_is_transcribed_with_words_and_segments(live_server: str) -> None:
    transcription = await agreed(live_server, "transcribe", CLIP, language="en")
    assert isinstance(transcription, Transcription)
    assert "guide you through a short setup" in transcription.text
    assert transcription.language == "en"
    assert transcription.duration == pytest.approx(6.067, abs=0.05)
    assert [word.word for word in transcription.words] == transcription.text.split()
    assert " ".join(segment.text for segment in transcription.segments) == transcription.text
    assert all(0 < each.confidence <= 1 for each in (*transcription.words, *transcription.segments))
    assert transcription.bias is None


@pytest.mark.parametrize("response_format", ["json", "text", "srt", "vtt", "verbose_json"])
async def test_every_format_comes_as_the_server_writes_it(live_server: str, response_format: str) -> None:
    text = await agreed(live_server, "transcribe_as", response_format, CLIP, language="en")
    assert "guide you through a short" in " ".join(text.split())
    if "json" in response_format:
        assert json.loads(text)["text"]


async def test_events_tell_the_transcript_utterance_by_utterance(live_server: str) -> None:
    events = await agreed(live_server, "transcribe_events", DEMO, language="en", keywords=KEYWORDS)
    whole = await agreed(live_server, "transcribe", DEMO, language="en", keywords=KEYWORDS)
    deltas = [event.delta for event in events if isinstance(event, TextDelta)]
    segments = [event.segment for event in events if isinstance(event, TextSegment)]
    done = events[-1]
    assert [type(event) for event in events] == [TextDelta, TextSegment] * len(segments) + [TextDone]
    assert len(segments) > 2
    assert "".join(deltas) == done.text == whole.text
    assert tuple(segments) == whole.segments
    assert done.bias == whole.bias
    assert [rejected.reason for rejected in done.bias.rejected] == ["empty"]
    assert 0 <= done.seconds - whole.duration < 1


async def test_speech_of_another_language_is_translated(live_server: str) -> None:
    spoken = await agreed(live_server, "transcribe", FRENCH, language="fr")
    translation = await agreed(live_server, "translate", FRENCH)
    assert spoken.language == "fr"
    assert translation.language == "en"
    assert translation.text
    assert translation.text != spoken.text
    assert translation.words == ()
    assert [segment.text for segment in translation.segments]
    assert translation.duration == spoken.duration


async def test_a_job_ends_with_what_a_request_answers(live_server: str, ask: Ask) -> None:
    job = await ask(live_server, "submit_job", CLIP, language="en", keywords=KEYWORDS)
    assert (job.status, job.progress, job.result, job.error) == ("queued", 0.0, None, None)
    result = await ask(live_server, "wait_for_job", job.id, poll_s=0.05, timeout_s=60)
    assert result == await ask(live_server, "transcribe", CLIP, language="en", keywords=KEYWORDS)
    ended = await ask(live_server, "get_job", job.id)
    assert (ended.status, ended.progress, ended.result) == ("succeeded", 1.0, result)
    assert ended.ended >= ended.created == job.created
    assert replace(result.bias, matches=()) == job.bias
    assert await ask(live_server, "cancel_job", job.id) == ended
    with pytest.raises(NotFound):
        await ask(live_server, "get_job", job.id)


async def test_a_job_that_fails_raises_why(live_server: str, ask: Ask, text_file: Path) -> None:
    job = await ask(live_server, "submit_job", text_file)
    with pytest.raises(BadRequest) as caught:
        await ask(live_server, "wait_for_job", job.id, poll_s=0.05, timeout_s=60)
    assert (caught.value.code, caught.value.field, caught.value.status) == ("invalid_audio", "file", None)


async def test_bias_lists_and_models_are_told_alike(live_server: str, ask: Ask) -> None:
    put = await ask(live_server, "put_bias_list", "client-test", KEYWORDS)
    assert (put.entries, [each.index for each in put.rejected]) == (2, [2])
    patched = await ask(live_server, "patch_bias_list", "client-test", add=["setup"], remove=["Loro Piana"])
    assert patched.version == put.version + 1
    kept = await agreed(live_server, "get_bias_list", "client-test")
    assert [entry["phrase"] for entry in kept.phrases] == ["mailbox", "setup"]
    assert replace(kept, phrases=()) in await agreed(live_server, "bias_lists")
    biased = await agreed(live_server, "transcribe", CLIP, language="en", bias_lists=["client-test"])
    assert [(each.name, each.version) for each in biased.bias.lists] == [("client-test", kept.version)]
    assert (await ask(live_server, "delete_bias_list", "client-test")).version == kept.version
    assert await agreed(live_server, "models") == ("base",)


@pytest.mark.parametrize(
    ("method", "values", "wanted", "kind", "code", "field"),
    [
        ("transcribe", [CLIP], {"language": "klingon"}, BadRequest, "invalid_request", "language"),
        ("transcribe_events", [CLIP], {"language": "klingon"}, BadRequest, "invalid_request", "language"),
        ("transcribe_as", ["wav", CLIP], {}, BadRequest, "invalid_request", "response_format"),
        ("transcribe", [CLIP], {"prompt": "x" * 2001}, BadRequest, "invalid_request", "prompt"),
        ("transcribe", [CLIP], {"model": "whisper-9"}, NotFound, "model_not_found", "model"),
        ("translate", [CLIP], {"model": "whisper-9"}, NotFound, "model_not_found", "model"),
        ("transcribe", [CLIP], {"bias_lists": ["nobody"]}, NotFound, "bias_list_not_found", "bias_lists"),
        ("transcribe", [CLIP], {"bias_strength": 3.0}, BadRequest, "invalid_request", "bias_strength"),
        ("submit_job", [CLIP], {"webhook_url": "sotto"}, BadRequest, "invalid_request", "webhook_url"),
        ("wait_for_job", ["job_0"], {}, NotFound, "not_found", "id"),
        ("cancel_job", ["job_0"], {}, NotFound, "not_found", "id"),
        ("get_bias_list", ["nobody"], {}, NotFound, "not_found", "name"),
        ("put_bias_list", ["No Name!", []], {}, BadRequest, "invalid_request", "name"),
        ("client_secret", [1], {}, BadRequest, "invalid_request", "expires_after.seconds"),
    ],
)
async def test_errors_name_the_field_at_fault(
    live_server: str,
    ask: Ask,
    method: str,
    values: list[Any],
    wanted: dict[str, Any],
    kind: type[ApiError],
    code: str,
    field: str,
) -> None:
    with pytest.raises(kind) as caught:
        await ask(live_server, method, *values, **wanted)
    assert (type(caught.value), caught.value.code, caught.value.field) == (kind, code, field)


@pytest.mark.parametrize("method", ["transcribe", "transcribe_events", "translate"])
async def test_a_file_that_is_no_audio_is_refused(live_server: str, ask: Ask, text_file: Path, method: str) -> None:
    with pytest.raises(BadRequest) as caught:
        await ask(live_server, method, text_file)
    assert (caught.value.code, caught.value.field, caught.value.status) == ("invalid_audio", "file", 400)


async def test_a_secret_opens_streams_where_keys_are_asked_for(live_stack: Stack, live_server: str, ask: Ask) -> None:
    guarded, url = live_stack.gateway(SOTTO_API_KEYS="k-1")
    try:
        secret = await ask(url, "client_secret", 30, api_key="k-1")
        assert isinstance(secret, ClientSecret)
        for stream in STREAMS.values():
            events = await stream(url, bytes(3200), api_key=secret.value)
            assert isinstance(events[-1], Finished)
            assert not any(isinstance(event, SpeechStarted | Final) for event in events)
    finally:
        guarded.kill()
