"""The REST client, with and without asyncio, against a local HTTP server with prepared answers."""

import inspect
import json
from pathlib import Path

import pytest
from sotto_client import (
    AsyncSottoClient,
    BadRequest,
    BiasList,
    ClientSecret,
    Conflict,
    Failed,
    NotFound,
    ProtocolError,
    Refused,
    Rejection,
    Segment,
    SottoClient,
    TranscribedWord,
    Unauthorized,
    Unreachable,
)

from tests.unit.client.both_clients import TRANSPORTS, Ask
from tests.unit.client.conftest import Answers

TRANSCRIPTION = {
    "language": "en",
    "duration": 1.5,
    "text": "Hello there.",
    "words": [
        {"word": "Hello", "start": 0.1, "end": 0.5, "confidence": 0.9},
        {"word": "there", "start": 0.5, "end": 1},
    ],
    "segments": [{"id": 0, "start": 0.1, "end": 1.0, "text": " Hello there."}],
}


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    def methods(client: type) -> dict[str, list[inspect.Parameter]]:
        found = inspect.getmembers(client, inspect.isfunction)
        return {
            name.removeprefix("a") if name == "aclose" else name: list(inspect.signature(method).parameters.values())
            for name, method in found
            if not name.startswith("_") or name == "__init__"
        }

    blocking = methods(SottoClient)
    assert blocking.pop("stream")  # audio from an iterable: asyncio has `live` and tasks for that
    assert methods(AsyncSottoClient) == blocking


async def test_transcription_is_typed(answers: Answers, ask: Ask, recording: Path) -> None:
    answers.say(json.dumps(TRANSCRIPTION))
    transcription = await ask("transcribe", recording, language="en", prompt="Dear Zoë,", api_key="k")
    assert (transcription.text, transcription.language, transcription.duration) == ("Hello there.", "en", 1.5)
    assert transcription.segments == (Segment(0, 0.1, 1.0, "Hello there."),)
    assert transcription.words[1] == TranscribedWord("there", 0.5, 1.0, None)
    [asked] = answers.asked
    assert (asked.method, asked.path) == ("POST", "/v1/audio/transcriptions")
    assert asked.headers["Authorization"] == "Bearer k"
    for part in (
        'filename="note.wav"',
        "RIFF-and-so-on",
        "verbose_json",
        'name="timestamp_granularities[]"',
        "Dear Zoë,",
    ):
        assert part.encode() in asked.body


async def test_language_is_a_code_also_where_the_server_names_it(answers: Answers, ask: Ask, recording: Path) -> None:
    answers.say(json.dumps(TRANSCRIPTION | {"language": "english", "language_code": "en"}))
    assert (await ask("transcribe", recording)).language == "en"


async def test_recording_without_speech_has_no_language(answers: Answers, ask: Ask, recording: Path) -> None:
    silence = {"language": "", "language_code": None, "duration": 2.0, "text": "", "words": [], "segments": []}
    answers.say(json.dumps(silence))
    transcription = await ask("transcribe", recording)
    assert (transcription.text, transcription.language, transcription.words) == ("", None, ())


async def test_translation_has_a_route_of_its_own(answers: Answers, ask: Ask, recording: Path) -> None:
    answers.say(json.dumps({name: value for name, value in TRANSCRIPTION.items() if name != "words"}))
    translation = await ask("translate", recording, model="base")
    assert (translation.text, translation.words, len(translation.segments)) == ("Hello there.", (), 1)
    [asked] = answers.asked
    assert asked.path == "/v1/audio/translations"
    assert b'name="model"\r\n\r\nbase\r\n' in asked.body


async def test_names_and_phrases_travel_with_a_recording(answers: Answers, ask: Ask, recording: Path) -> None:
    report = {"entries": 2, "strength": 1.5, "lists": [], "rejected": [], "rejected_total": 0, "matches": []}
    answers.say(json.dumps(TRANSCRIPTION | {"bias": report}))
    keywords = ["Zoë", {"phrase": "Loewe", "boost": 2}]
    transcription = await ask("transcribe", recording, keywords=keywords, bias_lists=("brands",), bias_strength=1.5)
    assert transcription.bias is not None
    assert (transcription.bias.entries, transcription.bias.strength) == (2, 1.5)
    for name, value in (
        ("keywords", '["Zoë", {"phrase": "Loewe", "boost": 2}]'),
        ("bias_lists", '["brands"]'),
        ("bias_strength", "1.5"),
    ):
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in answers.asked[0].body


async def test_bias_lists_are_managed(answers: Answers, ask: Ask) -> None:
    told = {"object": "bias_list", "name": "brands", "version": 2, "entries": 1, "updated_at": 12.5}
    rejected = [{"index": 1, "phrase": "", "reason": "empty", "message": "phrase is empty"}]
    known = BiasList("brands", 2, 1, 12.5)
    answers.say(json.dumps(told | {"rejected": rejected}))
    put = await ask("put_bias_list", "brands", ["Loewe", ""])
    assert put == BiasList("brands", 2, 1, 12.5, rejected=(Rejection(1, "", "empty", "phrase is empty"),))
    await ask("patch_bias_list", "brands", add=[{"phrase": "Dior"}], remove=["Loewe"])
    answers.say(json.dumps(told | {"phrases": [{"phrase": "Loewe"}]}))
    assert (await ask("get_bias_list", "brands")).phrases == ({"phrase": "Loewe"},)
    answers.say(json.dumps(told))
    assert await ask("delete_bias_list", "brands") == known
    answers.say(json.dumps({"object": "list", "data": [told]}))
    assert await ask("bias_lists") == (known,)
    route = "/v1/bias-lists/brands"
    assert [(asked.method, asked.path) for asked in answers.asked] == [
        ("PUT", route),
        ("PATCH", route),
        ("GET", route),
        ("DELETE", route),
        ("GET", "/v1/bias-lists"),
    ]
    assert [json.loads(asked.body) for asked in answers.asked[:2]] == [
        ["Loewe", ""],
        {"add": [{"phrase": "Dior"}], "remove": ["Loewe"]},
    ]


@pytest.mark.parametrize(
    ("method", "route"),
    [("get_bias_list", "/v1/bias-lists/..%2Fmodels%3Fx"), ("get_job", "/v1/jobs/..%2Fmodels%3Fx")],
)
async def test_a_name_cannot_lead_elsewhere(answers: Answers, ask: Ask, method: str, route: str) -> None:
    answers.status = 400
    answers.say("{}")
    with pytest.raises(BadRequest):
        await ask(method, "../models?x")
    assert answers.asked[0].path == route


async def test_subtitles_come_as_the_server_wrote_them(answers: Answers, ask: Ask, recording: Path) -> None:
    answers.say("1\n00:00:00,100 --> 00:00:01,000\nHello there, Zoë.\n")
    assert await ask("transcribe_as", "srt", recording) == answers.bodies[0]
    assert b"timestamp_granularities" not in answers.asked[0].body


async def test_models_are_listed(answers: Answers, ask: Ask) -> None:
    answers.say('{"object":"list","data":[{"id":"base","object":"model"}]}')
    assert await ask("models") == ("base",)


async def test_client_secret_says_when_it_expires(answers: Answers, ask: Ask) -> None:
    answers.say(json.dumps({"value": "ek_1", "expires_at": 1795238547, "session": {"type": "transcription"}}))
    assert await ask("client_secret", 30) == ClientSecret("ek_1", 1795238547)
    [asked] = answers.asked
    assert (asked.method, asked.path) == ("POST", "/v1/realtime/client_secrets")
    assert json.loads(asked.body) == {"expires_after": {"anchor": "created_at", "seconds": 30}}


@pytest.mark.parametrize("method", ["transcribe", "transcribe_events", "submit_job"])
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_audio", BadRequest),
        (401, None, Unauthorized),
        (404, "model_not_found", NotFound),
        (404, "bias_list_not_found", NotFound),
        (409, "conflict", Conflict),
        (422, "too_many_entries", BadRequest),
        (413, "too_large", BadRequest),
        (415, "unsupported_media", BadRequest),
        (429, "at_capacity", Refused),
        (500, "internal_error", Failed),
        (503, "no_workers", Refused),
    ],
)
async def test_errors_have_a_type(
    answers: Answers, ask: Ask, recording: Path, method: str, status: int, code: str | None, kind: type[Exception]
) -> None:
    answers.status = status
    answers.headers = {"Retry-After": "7"}
    answers.say(json.dumps({"error": {"message": "why", "type": "t", "param": "file", "code": code}}))
    with pytest.raises(kind, match="why") as caught:
        await ask(method, recording)
    assert (caught.value.field, caught.value.status, caught.value.retry_after_s) == ("file", status, 7)  # type: ignore[attr-defined]


async def test_error_page_of_a_proxy_is_an_error(answers: Answers, ask: Ask, recording: Path) -> None:
    answers.status = 502
    answers.say("<html>Bad Gateway</html>")
    with pytest.raises(Failed, match="HTTP status 502"):
        await ask("transcribe", recording)


@pytest.mark.parametrize("body", ["<html>", "[]", "7", '{"text": "no more"}', '{"data": 7}', '{"data": [7]}'])
async def test_another_kind_of_server_is_a_protocol_error(
    answers: Answers, ask: Ask, recording: Path, body: str
) -> None:
    answers.say(body)
    for method, *values in (
        ("transcribe", recording),
        ("transcribe_events", recording),
        ("translate", recording),
        ("submit_job", recording),
        ("get_job", "a"),
        ("get_bias_list", "a"),
        ("bias_lists",),
        ("models",),
        ("client_secret",),
    ):
        with pytest.raises(ProtocolError):
            await ask(method, *values)


async def test_an_answer_that_cannot_be_unpacked_is_a_protocol_error(answers: Answers, ask: Ask) -> None:
    answers.headers = {"Content-Encoding": "gzip"}
    answers.say("no gzip at all")
    with pytest.raises(ProtocolError, match="decoded"):
        await ask("models")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("method", ["transcribe", "transcribe_events"])
async def test_no_server_is_unreachable(transport: str, method: str, recording: Path) -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        await TRANSPORTS[transport]("http://127.0.0.1:9", method, recording)


@pytest.mark.parametrize("method", ["transcribe", "transcribe_events", "translate", "submit_job"])
async def test_missing_recording_is_an_os_error(ask: Ask, answers: Answers, method: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await ask(method, tmp_path / "none.wav")
    assert answers.asked == []
