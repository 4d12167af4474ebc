"""`/v1/listen`: who may open a stream, and what is refused before it opens or ends it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis
from deepgram.core.api_error import ApiError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.e2e.conftest import KEYS, Gateways, until
from tests.e2e.deepgram_clients import PCM, async_client, heard, listening, sync_client, text
from tests.e2e.recordings import flac, samples
from tests.e2e.scrape import scrape, total

CLIP = "human-en-conf-invalid"
KEY = "the-key"
RAW = "encoding=linear16&sample_rate=16000"


@pytest.fixture(scope="module")
def locked(gateways: Gateways) -> Iterator[str]:
    """A gateway that knows one key."""
    with gateways(SOTTO_API_KEYS=KEY) as url:
        yield url


@contextlib.asynccontextmanager
async def raw(url: str, query: str = RAW, **options: Any) -> AsyncIterator[ClientConnection]:
    async with connect(f"{url.replace('http', 'ws', 1)}/v1/listen?{query}", proxy=None, **options) as socket:
        yield socket


async def refusal(url: str, query: str = RAW, **options: Any) -> tuple[int, dict[str, str]]:
    """Status and body of a handshake that is refused; its headers tell the same."""
    with pytest.raises(InvalidStatus) as refused:
        async with raw(url, query, **options):
            pass
    response = refused.value.response
    body: dict[str, str] = json.loads(response.body)
    assert body.keys() == {"err_code", "err_msg", "request_id"}
    assert response.headers["dg-request-id"] == body["request_id"]
    assert response.headers["dg-error"] == body["err_msg"]
    return response.status_code, body


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"additional_headers": {"Authorization": "Token wrong"}},
        {"additional_headers": {"Authorization": f"Basic {KEY}"}},
        {"subprotocols": ["token", "wrong"]},
        {"subprotocols": ["token"]},
        {"subprotocols": ["bearer", "ek_gone"]},
    ],
    ids=["none", "wrong", "scheme", "wrong subprotocol", "no key", "expired"],
)
async def test_a_wrong_key_is_refused_in_the_handshake(locked: str, options: dict[str, Any]) -> None:
    status, body = await refusal(locked, **options)
    assert (status, body["err_code"], body["err_msg"]) == (401, "INVALID_AUTH", "Invalid credentials.")


@pytest.mark.parametrize(
    ("options", "subprotocol"),
    [
        ({"additional_headers": {"Authorization": f"Token {KEY}"}}, None),
        ({"additional_headers": {"Authorization": f"bearer {KEY}"}}, None),
        ({"subprotocols": ["token", KEY]}, "token"),
        ({"subprotocols": ["bearer", KEY]}, "bearer"),
    ],
)
async def test_a_key_opens_a_stream_in_every_form(
    locked: str, options: dict[str, Any], subprotocol: str | None
) -> None:
    async with raw(locked, **options) as socket:
        assert socket.subprotocol == subprotocol
        assert socket.response
        request_id = socket.response.headers["dg-request-id"]
        await socket.send('{"type": "CloseStream"}')
        assert json.loads(await socket.recv())["request_id"] == request_id


async def test_the_sdk_knows_a_wrong_key(locked: str) -> None:
    with pytest.raises(ApiError) as refused:
        async with async_client(locked, key="wrong").listen.v1.connect(**PCM):
            pass
    assert refused.value.status_code == 401
    with pytest.raises(ApiError) as refused:
        sync_client(locked, key="wrong").listen.v1.media.transcribe_file(request=flac(CLIP))
    assert (refused.value.status_code, refused.value.body["err_code"]) == (401, "INVALID_AUTH")


async def test_temporary_tokens_stand_in_for_a_key(locked: str) -> None:
    granted = sync_client(locked, key=KEY).auth.v1.tokens.grant(ttl_seconds=60)
    assert granted.expires_in == 60
    async with async_client(locked, access_token=granted.access_token).listen.v1.connect(**PCM) as socket:
        await socket.send_close_stream()
        assert (await socket.recv()).type == "Metadata"
    answer = sync_client(locked, access_token=granted.access_token).listen.v1.media.transcribe_file(request=flac(CLIP))
    assert "conference number" in (answer.results.channels[0].alternatives[0].transcript or "")
    with pytest.raises(ApiError) as refused:  # it is good for audio, and makes no further tokens
        sync_client(locked, access_token=granted.access_token).auth.v1.tokens.grant()
    assert refused.value.status_code == 401
    assert sync_client(locked, key=KEY).auth.v1.tokens.grant().expires_in == 30
    with pytest.raises(ApiError) as refused:
        sync_client(locked, key=KEY).auth.v1.tokens.grant(ttl_seconds=100_000)
    assert (refused.value.status_code, refused.value.body["err_code"]) == (400, "Bad Request")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("encoding=g729&sample_rate=8000", "encoding"),
        ("encoding=linear16", "sample_rate"),
        (f"{RAW}&interim_results=maybe", "interim_results"),
        (f"{RAW}&callback=https%3A%2F%2Fexample.com", "callback"),
        (f"{RAW}&redact=pci", "redact"),
        (f"{RAW}&model=nova-9", "No such model/language/tier combination found."),
        (f"{RAW}&language=tlh", "No such model/language/tier combination found."),
        (f"{RAW}&language=multi&language_hint=tlh", "No such model/language/tier combination found."),
        ("multichannel=true&channels=2", "multichannel"),
    ],
)
async def test_what_cannot_be_done_is_refused_by_name(live_server: str, query: str, named: str) -> None:
    status, body = await refusal(live_server, query)
    assert (status, body["err_code"]) == (400, "Bad Request")
    assert body["err_msg"].startswith("Bad Request: ")
    assert named in body["err_msg"]


async def test_thousands_of_keyterms_are_taken_and_longer_requests_are_answered(live_server: str) -> None:
    keyterms = "&".join(f"keyterm={i}" for i in range(4_000))
    async with raw(live_server, f"{RAW}&{keyterms}") as socket:
        await socket.send('{"type": "CloseStream"}')
        assert json.loads(await socket.recv())["type"] == "Metadata"
    with pytest.raises(InvalidStatus) as refused:
        async with raw(live_server, f"{RAW}&{keyterms * 5}"):
            pass
    assert refused.value.response.status_code == 400


@pytest.mark.parametrize("model", ["nova-3", "nova-2-medical", "enhanced", "base"])
async def test_names_of_models_mean_the_one_that_is_served(live_server: str, model: str) -> None:
    messages = await heard(live_server, samples(CLIP), **PCM | {"model": model})
    assert "conference number" in text(messages)
    assert messages[0].metadata.model_info.name == "base"


async def test_a_stream_over_capacity_is_refused_and_half_a_one_leaves_nothing(
    gateways: Gateways, store: "redis.Redis"
) -> None:
    await until(lambda: not store.zcard(KEYS.open_sessions()))
    with gateways(SOTTO_MAX_SESSIONS="1") as url:
        status, body = await refusal(url, f"{RAW}&channels=2&multichannel=true")
        assert (status, body["err_code"]) == (429, "TOO_MANY_REQUESTS")
        assert not store.zcard(KEYS.open_sessions())
        assert total(scrape(url), "sotto_refusals_total", reason="at_capacity") == 1


async def test_without_a_worker_streams_are_refused(gateways: Gateways) -> None:
    with gateways(SOTTO_MODEL="tiny") as url:
        status, body = await refusal(url)
        assert (status, body["err_code"]) == (503, "SERVICE_UNAVAILABLE")


@pytest.mark.parametrize("query", [{"encoding": "flac"}, {"encoding": "ogg-opus"}, {}])
async def test_bytes_that_are_no_audio_end_the_stream(live_server: str, query: dict[str, Any]) -> None:
    async with listening(live_server, **query) as stream:
        await stream.audio(b"This is no audio. " * 10)
        [problem] = await stream.to_the_end()
        assert (problem.type, problem.variant) == ("Error", "invalid_audio")
        assert (stream.ended[0], "DATA-0000" in stream.ended[1]) == (1008, True)


async def test_an_open_stream_does_not_notice_those_that_are_refused(live_server: str) -> None:
    async with listening(live_server, **PCM) as stream:
        await stream.audio(samples(CLIP)[:16_000])
        await asyncio.gather(*(refusal(live_server, "encoding=g729") for _ in range(20)))
        await stream.audio(samples(CLIP)[16_000:])
        assert "conference number" in text(await stream.close())


async def test_pages_of_other_sites_are_refused_without_keys(live_server: str) -> None:
    status, _ = await refusal(live_server, origin="https://example.com")
    assert status == 401
