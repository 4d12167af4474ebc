"""Jobs, with and without asyncio, against a local HTTP server with prepared answers."""

import json
from pathlib import Path
from typing import Any

import pytest
from sotto_client import BadRequest, Failed, Job, JobCancelled, ProtocolError

from tests.unit.client.both_clients import Ask
from tests.unit.client.conftest import Answers
from tests.unit.client.test_rest import TRANSCRIPTION

QUEUED = {"object": "job", "id": "job_1", "status": "queued", "progress": 0.0, "created": 5.5}
RUNNING = QUEUED | {"status": "running", "progress": 0.25}
SUCCEEDED = QUEUED | {"status": "succeeded", "progress": 1.0, "ended": 7.5, "result": TRANSCRIPTION}
CANCELLED = QUEUED | {"status": "cancelled"}


def failed(**error: Any) -> dict[str, Any]:
    return QUEUED | {"status": "failed", "ended": 6.5, "error": {"message": "why", "param": "file"} | error}


async def test_submitted_job_is_typed(answers: Answers, ask: Ask, recording: Path) -> None:
    answers.say(json.dumps(QUEUED))
    job = await ask("submit_job", recording, webhook_url="https://crm.example.com/", language="en")
    assert job == Job("job_1", "queued", 0.0, 5.5)
    assert not job.has_ended
    [asked] = answers.asked
    assert (asked.method, asked.path) == ("POST", "/v1/jobs")
    assert b'name="webhook_url"\r\n\r\nhttps://crm.example.com/\r\n' in asked.body
    assert b'name="language"\r\n\r\nen\r\n' in asked.body


async def test_job_is_asked_for_until_it_has_a_result(answers: Answers, ask: Ask) -> None:
    answers.say(*map(json.dumps, (QUEUED, RUNNING, SUCCEEDED)))
    transcription = await ask("wait_for_job", "job_1", poll_s=0.001, timeout_s=60)
    assert transcription.text == "Hello there."
    assert [(asked.method, asked.path) for asked in answers.asked] == [("GET", "/v1/jobs/job_1")] * 3


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "invalid_audio", "type": "invalid_request_error"}, BadRequest),
        ({"code": "decode_failed", "type": "server_error"}, Failed),
        ({}, Failed),
    ],
)
async def test_failed_job_raises_what_it_failed_with(
    answers: Answers, ask: Ask, error: dict[str, Any], kind: type[Exception]
) -> None:
    answers.say(json.dumps(failed(**error)))
    with pytest.raises(kind, match="why") as caught:
        await ask("wait_for_job", "job_1")
    assert (caught.value.field, caught.value.status) == ("file", None)  # type: ignore[attr-defined]
    job = await ask("get_job", "job_1")
    assert (job.status, job.ended, job.error.code) == ("failed", 6.5, error.get("code", "internal_error"))


async def test_cancelled_job_has_no_result(answers: Answers, ask: Ask) -> None:
    answers.say(json.dumps(CANCELLED))
    cancelled = await ask("cancel_job", "job_1")
    assert (cancelled.status, cancelled.has_ended) == ("cancelled", True)
    assert answers.asked[0].method == "DELETE"
    with pytest.raises(JobCancelled, match="job_1"):
        await ask("wait_for_job", "job_1")


async def test_waiting_ends_at_its_deadline(answers: Answers, ask: Ask) -> None:
    answers.say(json.dumps(RUNNING))
    with pytest.raises(TimeoutError):
        await ask("wait_for_job", "job_1", poll_s=0.001, timeout_s=0)
    assert len(answers.asked) == 1


@pytest.mark.parametrize("missing", ["id", "status", "progress", "result"])
async def test_something_else_is_a_protocol_error(answers: Answers, ask: Ask, missing: str) -> None:
    answers.say(json.dumps({name: value for name, value in SUCCEEDED.items() if name != missing}))
    with pytest.raises(ProtocolError, match="not a job"):
        await ask("get_job", "job_1")
