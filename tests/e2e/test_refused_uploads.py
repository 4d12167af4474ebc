"""Uploads that are turned away: which status, which field, and nothing else harmed."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from openai import AuthenticationError, OpenAI
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from service.transcript import SAMPLE_RATE
from tests.e2e.conftest import Gateways
from tests.e2e.recordings import flac, silence
from tests.unit.audio.encoded import encode, wav

CLIP = "human-en-conf-invalid"
MEGABYTE = 1024 * 1024


def problem(reply: httpx.Response) -> tuple[int, str, str | None]:
    """Status, code and param of an answer in OpenAI's error shape."""
    error = reply.json()["error"]
    assert error["message"]
    assert error["type"] == ("server_error" if reply.status_code >= 500 else "invalid_request_error")
    return reply.status_code, error["code"], error["param"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"response_format": "yaml"}, (400, "invalid_request", "response_format")),
        ({"language": "klingon"}, (400, "invalid_request", "language")),
        ({"model": "whisper-9"}, (404, "model_not_found", "model")),
        ({"temperature": "1.5"}, (400, "invalid_request", "temperature")),
        ({"temperature": "warm"}, (400, "invalid_request", "temperature")),
        ({"stream": "perhaps"}, (400, "invalid_request", "stream")),
        ({"prompt": "x" * 2001}, (400, "invalid_request", "prompt")),
        ({"timestamp_granularities[]": "letter"}, (400, "invalid_request", "timestamp_granularities[].0")),
        ({"timestamp_granularities[]": "word"}, (400, "invalid_request", "timestamp_granularities[]")),
        ({"include[]": "tokens"}, (400, "invalid_request", "include[].0")),
        ({"include[]": "logprobs", "response_format": "text"}, (400, "invalid_request", "include[]")),
        ({"languages[]": ["en", "klingon"]}, (400, "invalid_request", "languages[]")),
        ({"response_format": "diarized_json"}, (400, "invalid_request", "response_format")),
        ({"known_speaker_names[]": "agent"}, (400, "invalid_request", "known_speaker_names[]")),
        ({"known_speaker_references[]": "data:"}, (400, "invalid_request", "known_speaker_references[]")),
        ({"chunking_strategy": "manual"}, (400, "invalid_request", "chunking_strategy")),
        ({"chunking_strategy": "{"}, (400, "invalid_request", "chunking_strategy")),
        ({"chunking_strategy": "[1]"}, (400, "invalid_request", "chunking_strategy")),
        ({"chunking_strategy": '{"threshold": 0.5}'}, (400, "invalid_request", "chunking_strategy.type")),
        (
            {"chunking_strategy": '{"type": "server_vad", "silence_ms": 500}'},
            (400, "invalid_request", "chunking_strategy.silence_ms"),
        ),
        (
            {"chunking_strategy": '{"type": "server_vad", "threshold": 1.5}'},
            (400, "invalid_request", "chunking_strategy.threshold"),
        ),
        (
            {"chunking_strategy": "auto", "chunking_strategy[threshold]": "0.5"},
            (400, "invalid_request", "chunking_strategy"),
        ),
        ({"chunking_strategy[threshold]": "0.5"}, (400, "invalid_request", "chunking_strategy[type]")),
        ({"chunking_strategy[threshold]": "loud"}, (400, "invalid_request", "chunking_strategy[threshold]")),
        (
            {"chunking_strategy[type]": "semantic_vad"},
            (400, "invalid_request", "chunking_strategy[type]"),
        ),
        (
            {"chunking_strategy[type]": "server_vad", "chunking_strategy[silence_duration_ms]": "-1"},
            (400, "invalid_request", "chunking_strategy[silence_duration_ms]"),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_field_is_named(api: httpx.Client, fields: dict[str, str], expected: tuple[int, str, str]) -> None:
    reply = api.post("/v1/audio/transcriptions", files={"file": flac(CLIP)}, data=fields)
    assert problem(reply) == expected


@pytest.mark.parametrize("stream", ["false", "true"])
@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (b"", (400, "invalid_audio", "file")),
        (np.random.default_rng(1).bytes(20_000), (400, "invalid_audio", "file")),
        (b"Dear Sir or Madam,\nplease find attached\n" * 100, (400, "invalid_audio", "file")),
        (wav(np.zeros(0, np.int16)), (400, "invalid_audio", "file")),
    ],
    ids=["empty", "random", "text", "no samples"],
)
def test_a_file_that_is_no_audio_is_named(
    api: httpx.Client, file: bytes, expected: tuple[int, str, str], stream: str
) -> None:
    reply = api.post("/v1/audio/transcriptions", files={"file": ("speech.wav", file)}, data={"stream": stream})
    assert problem(reply) == expected


@pytest.mark.parametrize(
    "request_body",
    [
        {"data": {"language": "en"}},
        {"data": {"file": "speech.wav"}, "files": {"other": b"audio"}},
        {"json": {"file": "speech.wav"}},
        {"content": flac(CLIP), "headers": {"Content-Type": "audio/flac"}},
    ],
    ids=["no file", "a name for a file", "json", "bare audio"],
)
def test_a_request_without_a_file_says_so(api: httpx.Client, request_body: dict[str, Any]) -> None:
    assert problem(api.post("/v1/audio/transcriptions", **request_body)) == (400, "invalid_request", "file")


def test_a_broken_form_is_a_bad_request(api: httpx.Client) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    reply = api.post("/v1/audio/transcriptions", content=b"--not the edge\r\n\r\nbytes", headers=headers)
    assert reply.status_code == 400
    assert reply.json()["error"]["message"]


def test_unknown_routes_and_methods_have_the_same_shape(api: httpx.Client) -> None:
    assert problem(api.get("/v1/audio/speech")) == (404, "not_found", None)
    assert api.get("/v1/audio/transcriptions").status_code == 405
    assert api.get("/v1/audio/transcriptions").json()["error"]["message"]


@pytest.fixture(scope="module")
def limited(gateways: Gateways) -> Iterator[httpx.Client]:
    with (
        gateways(SOTTO_MAX_UPLOAD_MB="1", SOTTO_MAX_UPLOAD_S="20") as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield client


@pytest.mark.parametrize("route", ["/v1/audio/transcriptions", "/v1/jobs"])
def test_an_upload_over_the_limit_is_refused(limited: httpx.Client, route: str) -> None:
    too_large = bytes(3 * MEGABYTE)
    declared = httpx.Request("POST", limited.base_url.join(route), files={"file": too_large})
    assert problem(limited.send(declared)) == (413, "too_large", "file")
    body = declared.read()

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(body), 64 * 1024):
            yield body[at : at + 64 * 1024]

    chunked = limited.post(route, content=pieces(), headers={"Content-Type": declared.headers["Content-Type"]})
    assert problem(chunked) == (413, "too_large", "file")
    within = limited.post("/v1/audio/transcriptions", files={"file": flac(CLIP)}, data={"language": "en"})
    assert "conference" in within.json()["text"]


def test_a_declared_size_is_refused_before_the_body_is_sent(limited: httpx.Client) -> None:
    with socket.create_connection((limited.base_url.host, limited.base_url.port or 80), timeout=30) as raw:
        raw.sendall(
            b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10737418240\r\n"
            b"Content-Type: multipart/form-data; boundary=edge\r\n\r\n"
        )
        assert raw.recv(65_536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("stream", ["false", "true"])
def test_a_recording_over_the_limit_is_refused(limited: httpx.Client, stream: str) -> None:
    too_long = flac("demo")  # says its duration: 31 s
    form = {"stream": stream, "language": "en"}
    reply = limited.post("/v1/audio/transcriptions", files={"file": too_long}, data=form)
    assert problem(reply) == (413, "too_large", "file")
    untold = encode(np.zeros(25 * SAMPLE_RATE, np.int16), "adts", "aac")
    reply = limited.post("/v1/audio/transcriptions", files={"file": untold}, data=form)
    assert problem(reply) == (413, "too_large", "file")
    reply = limited.post("/v1/audio/transcriptions", files={"file": silence(19)}, data=form)
    assert reply.status_code == 200


@pytest.fixture(scope="module")
def locked(gateways: Gateways) -> Iterator[str]:
    """A gateway that knows two keys."""
    with gateways(SOTTO_API_KEYS="first-key, second-key") as url:
        yield url


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Bearer", "Basic first-key", "first-key"])
def test_without_a_known_key_nothing_is_served(locked: str, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    with httpx.Client(base_url=locked, headers=headers) as client:
        for route in ("/v1/audio/transcriptions", "/v1/jobs"):
            assert problem(client.post(route, files={"file": b""})) == (401, "unauthorized", "authorization")
        for route in ("/v1/models", "/v1/jobs/job_1", "/v1/nothing"):
            assert problem(client.get(route)) == (401, "unauthorized", "authorization")
        assert problem(client.delete("/v1/jobs/job_1")) == (401, "unauthorized", "authorization")
        for route in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/asyncapi.yaml"):
            assert client.get(route).status_code == 200
    with connect(locked.replace("http", "ws") + "/v1/stream", additional_headers=headers) as stream:
        assert json.loads(stream.recv(30)) | {"message": ""} == {
            "seq": 1,
            "type": "error",
            "code": "unauthorized",
            "message": "",
            "field": "authorization",
        }
        with pytest.raises(ConnectionClosedError) as closed:
            stream.recv(30)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


@pytest.mark.parametrize("key", ["first-key", "second-key"])
def test_every_configured_key_is_served(locked: str, key: str) -> None:
    with OpenAI(base_url=f"{locked}/v1", api_key=key, max_retries=0) as client:
        text = client.audio.transcriptions.create(model="base", file=("a.flac", flac(CLIP)), language="en").text
        assert "conference" in text
        assert [model.id for model in client.models.list()] == ["base"]
    with connect(
        f"{locked.replace('http', 'ws')}/v1/stream", additional_headers={"Authorization": f"bearer {key}"}
    ) as s:
        s.send('{"type": "start"}')
        assert json.loads(s.recv(30))["type"] == "started"


def test_the_sdk_knows_a_wrong_key_when_it_meets_one(locked: str) -> None:
    with OpenAI(base_url=f"{locked}/v1", api_key="wrong", max_retries=0) as client, pytest.raises(AuthenticationError):
        client.audio.transcriptions.create(model="base", file=("a.flac", flac(CLIP)))
