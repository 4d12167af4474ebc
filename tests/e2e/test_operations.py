"""What operators and tools ask a running gateway: health, metrics, models, descriptions, logs."""

import json
import signal

import httpx
import openapi_spec_validator
import prometheus_client
import pytest

from service import metrics
from tests.e2e.conftest import Gateways, until
from tests.e2e.raw_stream import connected, started
from tests.e2e.recordings import flac, samples
from tests.e2e.scrape import scrape, total
from tests.stack import Stack

CLIP = "human-en-vm-rec-name"
INSTRUMENTS = [
    instrument
    for instrument in vars(metrics).values()
    if isinstance(instrument, prometheus_client.Counter | prometheus_client.Gauge | prometheus_client.Histogram)
]


def test_a_gateway_is_alive_and_ready(api: httpx.Client) -> None:
    assert api.get("/healthz").json() == {"status": "ok"}
    assert api.get("/readyz").json() == {"status": "ready"}


def test_without_a_worker_a_gateway_lives_but_is_not_ready(gateways: Gateways) -> None:
    with gateways(SOTTO_MODEL="tiny") as url:
        assert httpx.get(f"{url}/healthz").status_code == 200
        reply = httpx.get(f"{url}/readyz")
    assert reply.status_code == 503
    assert reply.json()["error"]["code"] == "no_workers"
    assert "tiny" in reply.json()["error"]["message"]


def test_every_instrument_is_shown(api: httpx.Client) -> None:
    text = api.get("/metrics").text
    assert len(INSTRUMENTS) >= 10
    for instrument in INSTRUMENTS:
        (family,) = instrument.describe()
        kind = family.type
        name = f"{family.name}_total" if kind == "counter" else family.name
        assert f"# TYPE {name} {kind}\n" in text
        assert f"# HELP {name} {family.documentation}\n" in text


async def test_counts_move_with_a_stream(live_server: str) -> None:
    before = scrape(live_server)
    async with started(live_server) as stream:
        await stream.audio(samples(CLIP), pace=4)
        open_now = total(scrape(live_server), "sotto_open_sessions")
        await stream.say("finish")
        events = await stream.to_the_end()
    after = scrape(live_server)
    assert open_now >= 1
    assert total(after, "sotto_workers") == 1
    seconds = total(after, "sotto_audio_seconds_total", kind="final") - total(
        before, "sotto_audio_seconds_total", kind="final"
    )
    assert seconds == pytest.approx(events[-1]["duration"], abs=0.01)
    finals = total(after, "sotto_final_seconds_count") - total(before, "sotto_final_seconds_count")
    assert finals == len(stream.of("final")) > 0
    shown = {partial["id"] for partial in stream.of("partial")}
    first = total(after, "sotto_first_partial_seconds_count") - total(before, "sotto_first_partial_seconds_count")
    assert first == len(shown) > 0
    await until(lambda: total(scrape(live_server), "sotto_open_sessions") == 0)
    assert total(scrape(live_server), "sotto_queue_length") == 0


async def test_errors_are_counted_by_code(live_server: str) -> None:
    before = total(scrape(live_server), "sotto_errors_total", code="invalid_audio")
    async with httpx.AsyncClient(base_url=live_server) as client:
        await client.post("/v1/audio/transcriptions", files={"file": b"no audio"})
    assert total(scrape(live_server), "sotto_errors_total", code="invalid_audio") == before + 1


def test_the_models_that_are_served_are_listed(api: httpx.Client) -> None:
    (model,) = api.get("/v1/models").json()["data"]
    assert (model["id"], model["object"]) == ("base", "model")
    assert {"en", "es", "fr", "it", "ru"} <= set(model["languages"])
    assert api.get("/v1/models/base").json() == model
    missing = api.get("/v1/models/whisper-9")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


def test_the_api_describes_itself(api: httpx.Client) -> None:
    described = api.get("/openapi.json").json()
    openapi_spec_validator.validate(described)
    assert {"/v1/audio/transcriptions", "/v1/jobs", "/v1/jobs/{job}", "/v1/models", "/readyz"} <= set(
        described["paths"]
    )
    page = api.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "/openapi.json" in page.text
    assert api.get("/asyncapi.yaml").text.startswith("asyncapi: ")


async def test_log_lines_are_json_and_name_the_session(live_stack: Stack, live_server: str) -> None:
    async with started(live_server) as stream:
        await stream.say("nonsense")
        await stream.to_the_end()
    async with connected(live_server) as unknown:
        await unknown.say("begin")
        await unknown.to_the_end()
    (log,) = live_stack.folder.glob("0-gateway.log")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert all({"time", "level", "logger", "message", "role"} <= set(line) for line in lines)
    ended = [line for line in lines if line["message"] == "stream ended with an error"]
    assert ended[-2]["session"] == stream.seen[0]["session"]
    assert ended[-2]["code"] == "invalid_request"
    assert "session" not in ended[-1]


def test_no_key_and_no_speech_is_logged(live_stack: Stack, api: httpx.Client) -> None:
    headers = {"Authorization": "Bearer very-secret-key"}
    reply = api.post("/v1/audio/transcriptions", files={"file": flac(CLIP)}, data={"language": "en"}, headers=headers)
    assert "tone" in reply.json()["text"]
    logged = "".join(log.read_text() for log in live_stack.folder.glob("*.log"))
    assert "very-secret-key" not in logged
    assert reply.json()["text"] not in logged


async def test_an_open_dashboard_does_not_hold_up_a_gateway_that_drains(live_stack: Stack) -> None:
    process, url = live_stack.gateway()
    async with (
        httpx.AsyncClient(timeout=60) as client,
        client.stream("GET", f"{url}/v1/admin/dashboard/events") as answer,
    ):
        told = answer.aiter_lines()
        assert await anext(told) == "event: history"
        process.signal(signal.SIGTERM)
        rest = [line async for line in told]
    assert any(line.startswith("data: ") for line in rest)
    assert process.ended() == 0
