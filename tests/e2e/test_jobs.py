"""`/v1/jobs`: recordings transcribed in the background, told by webhook, and finished whatever dies."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import redis

from tests.e2e.conftest import KEYS, Gateways, until
from tests.e2e.hook import Hook
from tests.e2e.recordings import flac, long_speech
from tests.e2e.test_transcriptions import recordings_in
from tests.stack import Stack

ENDED = ("succeeded", "failed", "cancelled")
CLIP = "human-en-vm-mismatch"
VERBOSE = {
    "language": "en",
    "response_format": "verbose_json",
    "timestamp_granularities[]": ["word", "segment"],
}


def submit(api: httpx.Client, file: bytes, **fields: str) -> str:
    """The id of a new job."""
    reply = api.post("/v1/jobs", files={"file": ("visit.flac", file)}, data={"language": "en"} | fields)
    assert reply.status_code == 202, reply.text
    job: str = reply.json()["id"]
    assert reply.headers["location"] == f"/v1/jobs/{job}"
    return job


async def states(api: httpx.Client, job: str) -> list[dict[str, Any]]:
    """The job as it was seen until it ended."""
    seen: list[dict[str, Any]] = []

    def ended() -> bool:
        seen.append(job_of(api, job))
        return seen[-1]["status"] in ENDED

    await until(ended)
    return seen


def transcript(api: httpx.Client, file: bytes) -> dict[str, Any]:
    """What the upload gets that waits for its answer."""
    reply = api.post("/v1/audio/transcriptions", files={"file": file}, data=VERBOSE)
    body: dict[str, Any] = reply.raise_for_status().json()
    return body


def job_of(api: httpx.Client, job: str, *, method: str = "GET") -> dict[str, Any]:
    body: dict[str, Any] = api.request(method, f"/v1/jobs/{job}").raise_for_status().json()
    return body


def freed(store: "redis.Redis", job: str) -> bool:
    return not store.exists(KEYS.upload(job)) and not recordings_in(store)


async def test_a_job_tells_its_progress_and_ends_with_the_transcript(api: httpx.Client, store: "redis.Redis") -> None:
    file = long_speech(2)
    seen = await states(api, submit(api, file))
    assert seen[-1]["status"] == "succeeded", seen[-1]
    progress = [state["progress"] for state in seen]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    assert any(0 < at < 1 for at in progress)
    assert {state["status"] for state in seen} <= {"queued", "running", "succeeded"}
    assert seen[-1]["ended"] >= seen[-1]["created"]
    direct = transcript(api, file)
    assert seen[-1]["result"] == direct
    assert freed(store, seen[-1]["id"])


async def test_a_running_job_can_be_cancelled(api: httpx.Client, store: "redis.Redis") -> None:
    job = submit(api, long_speech(4))
    await until(lambda: 0 < job_of(api, job)["progress"] < 1)
    assert job_of(api, job, method="DELETE")["status"] == "cancelled"
    assert not store.exists(KEYS.upload(job))
    await until(lambda: freed(store, job))
    assert job_of(api, job)["status"] == "cancelled"
    await until(lambda: not store.xlen(KEYS.job_queue()))
    assert job_of(api, job, method="DELETE")["status"] == "cancelled"  # and forgotten, as it had ended
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        job_of(api, job)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_job_is_not_found(api: httpx.Client, method: str) -> None:
    reply = api.request(method, "/v1/jobs/job_0")
    assert reply.status_code == 404
    assert (reply.json()["error"]["code"], reply.json()["error"]["param"]) == ("not_found", "id")


@pytest.mark.parametrize(
    "file", [b"", b"Dear Sir or Madam", np.random.default_rng(2).bytes(9_000)], ids=["empty", "text", "random"]
)
async def test_a_file_that_is_no_audio_fails_and_says_why(api: httpx.Client, store: "redis.Redis", file: bytes) -> None:
    ended = (await states(api, submit(api, file)))[-1]
    assert ended["status"] == "failed"
    assert (ended["error"]["code"], ended["error"]["param"]) == ("invalid_audio", "file")
    assert "result" not in ended
    assert freed(store, ended["id"])


def test_wrong_fields_are_refused_at_once(api: httpx.Client) -> None:
    for fields, param in (({"language": "klingon"}, "language"), ({"model": "whisper-9"}, "model")):
        reply = api.post("/v1/jobs", files={"file": flac(CLIP)}, data=fields)
        assert reply.json()["error"]["param"] == param
    assert api.post("/v1/jobs", data={"language": "en"}).json()["error"]["param"] == "file"


# ---- webhooks


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


def is_from_sotto(secret: str, signature: str, body: bytes) -> bool:
    """The check of docs/rest.md, without the age."""
    parts = dict(part.split("=", 1) for part in signature.split(","))
    expected = hmac.new(secret.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["v1"])


async def test_the_end_of_a_job_is_told_and_signed(api: httpx.Client, hook: Hook) -> None:
    job = submit(api, flac(CLIP), webhook_url=f"{hook.url}/sotto?tenant=7")
    call = await asyncio.to_thread(hook.next_call)
    assert call.path == "/sotto?tenant=7"
    assert is_from_sotto("s3cret", call.headers["Sotto-Signature"], call.body)
    assert not is_from_sotto("another", call.headers["Sotto-Signature"], call.body)
    event = json.loads(call.body)
    assert event["type"] == "job.ended"
    assert event["job"] == job_of(api, job)
    assert "try again" in event["job"]["result"]["text"].lower()


async def test_a_failed_job_is_told_too(api: httpx.Client, hook: Hook) -> None:
    submit(api, b"no audio", webhook_url=hook.url)
    event = json.loads((await asyncio.to_thread(hook.next_call)).body)
    assert (event["job"]["status"], event["job"]["error"]["code"]) == ("failed", "invalid_audio")


async def test_a_hook_that_fails_is_called_again(api: httpx.Client, hook: Hook) -> None:
    hook.statuses.extend([500, 302, 200])
    job = submit(api, flac(CLIP), webhook_url=hook.url)
    calls = [await asyncio.to_thread(hook.next_call) for _ in range(3)]
    assert {json.loads(call.body)["job"]["id"] for call in calls} == {job}
    assert all(is_from_sotto("s3cret", call.headers["Sotto-Signature"], call.body) for call in calls)


async def test_customers_that_do_not_answer_hold_up_nobody_elses_job(api: httpx.Client, hook: Hook) -> None:
    with hook.silent():
        told = [submit(api, b"no audio", webhook_url=hook.url) for _ in range(4)]
        await asyncio.gather(*(asyncio.to_thread(hook.next_call) for _ in told))
        ended = (await states(api, submit(api, flac(CLIP))))[-1]
        assert ended["status"] == "succeeded"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/x",
        "sotto",
        "/v1/jobs",
        "http://",
        "http://[::1",
        "http://example.com:99999/",
        "http://exa mple.com/",
        "https://" + "x" * 2000,
    ],
)
def test_a_webhook_url_that_cannot_be_one_is_refused(api: httpx.Client, url: str) -> None:
    reply = api.post("/v1/jobs", files={"file": flac(CLIP)}, data={"webhook_url": url})
    assert reply.status_code == 400
    assert (reply.json()["error"]["code"], reply.json()["error"]["param"]) == ("invalid_request", "webhook_url")


@pytest.mark.parametrize(
    ("settings", "urls"),
    [
        ({"SOTTO_WEBHOOK_SECRET": ""}, ["https://example.com/"]),
        (
            {"SOTTO_WEBHOOK_ALLOW_PRIVATE": "0"},
            [
                "http://127.0.0.1:1/",
                "http://169.254.169.254/latest/meta-data",
                "http://[::ffff:10.0.0.1]/",
                "http://localhost:8000/",
            ],
        ),
    ],
    ids=["no secret", "private addresses"],
)
def test_webhooks_need_a_secret_and_a_public_address(
    gateways: Gateways, settings: dict[str, str], urls: list[str]
) -> None:
    with gateways(**settings) as gateway, httpx.Client(base_url=gateway) as client:
        for url in urls:
            reply = client.post("/v1/jobs", files={"file": flac(CLIP)}, data={"webhook_url": url})
            assert reply.status_code == 400, url
            assert reply.json()["error"]["param"] == "webhook_url"


# ---- breaking


async def test_a_job_whose_gateway_is_killed_is_finished_by_another(
    api: httpx.Client, base_model_dir: Path, tmp_path: Path
) -> None:
    file = long_speech(2)
    stack = Stack(tmp_path)
    try:
        gateways = [stack.gateway(), stack.gateway()]
        stack.worker()
        stack.ready(gateways[0][1])
        with httpx.Client(base_url=gateways[0][1], timeout=60) as client:
            job = submit(client, file)
        with redis.Redis.from_url(stack.redis.url) as store:
            await until(lambda: recordings_in(store))
            (claim,) = store.xpending_range(KEYS.job_queue(), "gateways", "-", "+", 1)
        runner = claim["consumer"].decode().rpartition("-")[0]
        names = [str(line["gateway"]) for process, _ in gateways for line in process.log_lines() if "gateway" in line]
        gateways.pop(names.index(runner))[0].kill()
        with httpx.Client(base_url=gateways[0][1], timeout=60) as client:
            ended = (await states(client, job))[-1]
    finally:
        stack.close()
    assert ended["status"] == "succeeded", ended["error"]
    direct = transcript(api, file)
    assert ended["result"]["text"] == direct["text"]
