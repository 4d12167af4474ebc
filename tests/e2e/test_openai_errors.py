"""What OpenAI's SDKs, sync and async, raise when Sotto refuses: their own exception classes with all they tell."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import httpx
import numpy as np
import openai
import pytest
import redis
from openai import AsyncOpenAI, OpenAI

from service.log.store import Keys
from service.log.workers import WorkerStatus
from tests.e2e.conftest import Gateways
from tests.e2e.recordings import flac
from tests.stack import Stack
from tests.unit.audio.encoded import encode

CLIP = "human-en-conf-invalid"
CROWDED = "crowded"  # key prefix of a deployment whose finals are late
WORKER = WorkerStatus(
    id="w", model="english", device="cpu", compute_type="int8", slots=1, max_batch=1, busy=1, languages=("en",)
)

Call = Callable[..., Any]


def sync_call(base_url: str, api_key: str, call: Callable[[Any], Any]) -> Any:
    with OpenAI(base_url=f"{base_url}/v1", api_key=api_key, max_retries=0, timeout=60) as client:
        return call(client)


def async_call(base_url: str, api_key: str, call: Callable[[Any], Any]) -> Any:
    async def run() -> Any:
        async with AsyncOpenAI(base_url=f"{base_url}/v1", api_key=api_key, max_retries=0, timeout=60) as client:
            return await call(client)

    return asyncio.run(run())


@pytest.fixture(params=[sync_call, async_call], ids=["sync", "async"])
def refused(request: pytest.FixtureRequest) -> Call:
    """The error that a call of the SDK raises; by default the transcription of a good file."""

    def run(url: str, call: Callable[[Any], Any] | None = None, *, key: str = "any", **parameters: Any) -> Any:
        given = {"model": "whisper-1", "file": ("a.flac", flac(CLIP))} | parameters
        with pytest.raises(openai.APIStatusError) as raised:
            request.param(url, key, call or (lambda client: client.audio.transcriptions.create(**given)))
        error = raised.value
        assert error.body == {"message": error.body["message"], "type": error.type, "param": error.param} | {
            "code": error.code
        }
        assert error.body["message"] in error.message
        return error

    return run


@pytest.fixture(scope="module")
def small(gateways: Gateways) -> Iterator[str]:
    """A gateway with a key and narrow limits."""
    with gateways(SOTTO_API_KEYS="secret", SOTTO_MAX_UPLOAD_MB="1") as url:
        yield url


@pytest.fixture(scope="module")
def crowded(gateways: Gateways, live_stack: Stack) -> Iterator[str]:
    """A gateway whose only worker knows only English, and is far behind."""
    keys = Keys(CROWDED)
    with redis.Redis.from_url(live_stack.redis.url) as store:
        store.hset(keys.workers(), WORKER.id, json.dumps(asdict(WORKER) | {"at": time.time() + 3600}))
        store.xadd(keys.turns(WORKER.model, "final"), {"turn": "one that nobody decodes"}, id="1-1")
        with gateways(SOTTO_KEY_PREFIX=CROWDED, SOTTO_MODEL=WORKER.model) as url:
            yield url
        store.delete(keys.workers(), keys.turns(WORKER.model, "final"))


def test_a_bad_field_is_a_bad_request_that_names_it(refused: Call, live_server: str) -> None:
    error = refused(live_server, language="klingon")
    assert isinstance(error, openai.BadRequestError)
    assert (error.param, error.code, error.type) == ("language", "invalid_request", "invalid_request_error")
    assert refused(live_server, file=("a.wav", b"RIFF")).param == "file"


def test_a_bad_file_is_refused_before_a_stream_begins(refused: Call, live_server: str) -> None:
    error = refused(live_server, file=("a.mp3", b"no audio"), stream=True)
    assert isinstance(error, openai.BadRequestError)
    assert (error.param, error.code) == ("file", "invalid_audio")


def test_a_wrong_key_is_an_authentication_error(refused: Call, small: str) -> None:
    error = refused(small, key="wrong")
    assert isinstance(error, openai.AuthenticationError)
    assert error.code == "unauthorized"


@pytest.mark.parametrize(
    "call",
    [
        None,
        lambda client: client.audio.translations.create(model="whisper-9", file=("a.flac", flac(CLIP))),
        lambda client: client.models.retrieve("whisper-9"),
    ],
    ids=["transcription", "translation", "models"],
)
@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # OpenAI's own translations
def test_an_unknown_model_is_not_found(refused: Call, live_server: str, call: Any) -> None:
    error = refused(live_server, call, model="whisper-9")
    assert isinstance(error, openai.NotFoundError)
    assert (error.code, error.param) == ("model_not_found", "model")


def test_an_upload_that_is_too_large_is_told_by_its_status(refused: Call, small: str) -> None:
    error = refused(small, key="secret", file=("a.wav", bytes(3 * 1024 * 1024)))
    assert (error.status_code, error.code, error.param) == (413, "too_large", "file")


def test_a_codec_that_is_not_read_is_told_by_its_status(refused: Call, live_server: str) -> None:
    error = refused(live_server, file=("a.ac3", encode(np.zeros(16_000, np.int16), "ac3", "ac3", 48_000)))
    assert (error.status_code, error.code, error.param) == (415, "unsupported_media", "file")


def test_too_many_keywords_are_unprocessable(refused: Call, live_server: str) -> None:
    error = refused(live_server, keywords=[f"name {number}" for number in range(10_001)])
    assert isinstance(error, openai.UnprocessableEntityError)
    assert (error.code, error.param) == ("too_many_entries", "keywords")


def test_no_room_is_a_rate_limit_that_says_when_to_come_back(refused: Call, crowded: str) -> None:
    error = refused(crowded)
    assert isinstance(error, openai.RateLimitError)
    assert error.code == "at_capacity"
    assert int(error.response.headers["retry-after"]) > 0


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_model_of_one_language_does_not_translate(refused: Call, crowded: str) -> None:
    error = refused(
        crowded, lambda client: client.audio.translations.create(model="english", file=("a.flac", flac(CLIP)))
    )
    assert isinstance(error, openai.BadRequestError)
    assert (error.param, error.code) == ("model", "invalid_request")
    assert "translate" in error.message
    form = {"languages[]": "es"}
    reply = httpx.post(f"{crowded}/v1/audio/transcriptions", files={"file": flac(CLIP)}, data=form)
    assert reply.json()["error"]["param"] == "languages[]"
