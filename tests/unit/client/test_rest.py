"""The REST client against a local HTTP server with prepared answers."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sotto_client import (
    BadRequest,
    BiasList,
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


@dataclass
class Answers:
    """What the server says next, and what it was asked."""

    url: str = ""
    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def answers() -> Iterator[Answers]:
    prepared = Answers()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            prepared.asked.append((self.path, dict(self.headers), self.rfile.read(size)))
            self.send_response(prepared.status)
            for name, value in prepared.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(prepared.body.encode())))
            self.end_headers()
            self.wfile.write(prepared.body.encode())

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        prepared.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield prepared
        server.shutdown()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "note.wav"
    path.write_bytes(b"RIFF-and-so-on")
    return path


def test_transcription_is_typed(answers: Answers, recording: Path) -> None:
    answers.body = json.dumps(TRANSCRIPTION)
    with SottoClient(answers.url, api_key="k") as client:
        transcription = client.transcribe(recording, language="en")
    assert transcription.text == "Hello there."
    assert transcription.segments == (Segment(0, 0.1, 1.0, "Hello there."),)
    assert transcription.words[1] == TranscribedWord("there", 0.5, 1.0, None)
    path, headers, body = answers.asked[0]
    assert path == "/v1/audio/transcriptions"
    assert headers["Authorization"] == "Bearer k"
    for part in (b'filename="note.wav"', b"RIFF-and-so-on", b"verbose_json", b'name="timestamp_granularities[]"'):
        assert part in body


def test_names_and_phrases_travel_with_a_recording(answers: Answers, recording: Path) -> None:
    report = {"entries": 2, "strength": 1.5, "lists": [], "rejected": [], "rejected_total": 0, "matches": []}
    answers.body = json.dumps(TRANSCRIPTION | {"bias": report})
    with SottoClient(answers.url) as client:
        transcription = client.transcribe(
            recording, keywords=["Zoë", {"phrase": "Loewe", "boost": 2}], bias_lists=("brands",), bias_strength=1.5
        )
    assert transcription.bias is not None
    assert (transcription.bias.entries, transcription.bias.strength) == (2, 1.5)
    _, _, body = answers.asked[0]
    for name, value in (
        ("keywords", '["Zoë", {"phrase": "Loewe", "boost": 2}]'),
        ("bias_lists", '["brands"]'),
        ("bias_strength", "1.5"),
    ):
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in body


def test_bias_lists_are_managed(answers: Answers) -> None:
    told = {"object": "bias_list", "name": "brands", "version": 2, "entries": 1, "updated_at": 12.5}
    rejected = [{"index": 1, "phrase": "", "reason": "empty", "message": "phrase is empty"}]
    known = BiasList("brands", 2, 1, 12.5)
    with SottoClient(answers.url) as client:
        answers.body = json.dumps(told | {"rejected": rejected})
        put = client.put_bias_list("brands", ["Loewe", ""])
        assert put == BiasList("brands", 2, 1, 12.5, rejected=(Rejection(1, "", "empty", "phrase is empty"),))
        client.patch_bias_list("brands", add=[{"phrase": "Dior"}], remove=["Loewe"])
        answers.body = json.dumps(told | {"phrases": [{"phrase": "Loewe"}]})
        assert client.get_bias_list("brands").phrases == ({"phrase": "Loewe"},)
        answers.body = json.dumps(told)
        assert client.delete_bias_list("brands") == known
        answers.body = json.dumps({"object": "list", "data": [told]})
        assert client.bias_lists() == (known,)
    assert [path for path, _, _ in answers.asked] == ["/v1/bias-lists/brands"] * 4 + ["/v1/bias-lists"]
    assert [json.loads(body) for _, _, body in answers.asked[:2]] == [
        ["Loewe", ""],
        {"add": [{"phrase": "Dior"}], "remove": ["Loewe"]},
    ]


def test_a_name_of_a_list_cannot_lead_elsewhere(answers: Answers) -> None:
    answers.status, answers.body = 400, "{}"
    with SottoClient(answers.url) as client, pytest.raises(BadRequest):
        client.get_bias_list("../models?x")
    assert answers.asked[0][0] == "/v1/bias-lists/..%2Fmodels%3Fx"


def test_subtitles_come_as_the_server_wrote_them(answers: Answers, recording: Path) -> None:
    answers.body = "1\n00:00:00,100 --> 00:00:01,000\nHello there.\n"
    with SottoClient(answers.url) as client:
        assert client.transcribe_as("srt", recording) == answers.body


def test_models_are_listed(answers: Answers) -> None:
    answers.body = '{"object":"list","data":[{"id":"base","object":"model"}]}'
    with SottoClient(answers.url) as client:
        assert client.models() == ("base",)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_audio", BadRequest),
        (401, None, Unauthorized),
        (404, "model_not_found", NotFound),
        (404, "bias_list_not_found", NotFound),
        (422, "too_many_entries", BadRequest),
        (413, "too_large", BadRequest),
        (415, "unsupported_media", BadRequest),
        (429, "at_capacity", Refused),
        (500, "internal_error", Failed),
        (503, "no_workers", Refused),
    ],
)
def test_errors_have_a_type(
    answers: Answers, recording: Path, status: int, code: str | None, kind: type[Exception]
) -> None:
    answers.status = status
    answers.headers = {"Retry-After": "7"}
    answers.body = json.dumps({"error": {"message": "why", "type": "t", "param": "file", "code": code}})
    with SottoClient(answers.url) as client, pytest.raises(kind, match="why") as caught:
        client.transcribe(recording)
    assert (caught.value.field, caught.value.status, caught.value.retry_after_s) == ("file", status, 7)  # type: ignore[attr-defined]


def test_error_page_of_a_proxy_is_an_error(answers: Answers, recording: Path) -> None:
    answers.status, answers.body = 502, "<html>Bad Gateway</html>"
    with SottoClient(answers.url) as client, pytest.raises(Failed, match="HTTP status 502"):
        client.transcribe(recording)


@pytest.mark.parametrize("body", ["<html>", "[]", '{"text": "no more"}'])
def test_another_kind_of_server_is_a_protocol_error(answers: Answers, recording: Path, body: str) -> None:
    answers.body = body
    with SottoClient(answers.url) as client:
        for call in (lambda: client.transcribe(recording), lambda: client.get_bias_list("a"), client.bias_lists):
            with pytest.raises(ProtocolError):
                call()


def test_no_server_is_unreachable(recording: Path) -> None:
    with SottoClient("http://127.0.0.1:9") as client, pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        client.transcribe(recording)


def test_missing_recording_is_an_os_error(tmp_path: Path) -> None:
    with SottoClient("http://127.0.0.1:9") as client, pytest.raises(FileNotFoundError):
        client.transcribe(tmp_path / "none.wav")
