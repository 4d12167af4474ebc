"""Recordings that the server transcribes in the background."""

import math
import time
from dataclasses import dataclass
from typing import Any, Literal

from sotto_client.biasing import BiasReport, parse_report
from sotto_client.errors import ApiError, JobCancelled, ProtocolError, error_from_response
from sotto_client.transcription import Transcription, parse_transcription

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the server last told it. `progress` is in 0..1, `created` and `ended` are Unix time in seconds.

    `result` is there when it succeeded, `error` when it failed. `bias` is known right after `submit_job`; a result has
    a report of its own.
    """

    id: str
    status: JobStatus
    progress: float
    created: float
    ended: float | None = None
    result: Transcription | None = None
    error: ApiError | None = None
    bias: BiasReport | None = None

    @property
    def has_ended(self) -> bool:
        return self.status not in ("queued", "running")


def parse_job(values: Any) -> Job:
    """Raises ProtocolError for something else."""
    try:
        status: JobStatus = values["status"]
        return Job(
            id=values["id"],
            status=status,
            progress=float(values["progress"]),
            created=float(values["created"]),
            ended=values.get("ended"),
            result=parse_transcription(values["result"]) if status == "succeeded" else None,
            error=error_from_response(None, values) if status == "failed" else None,
            bias=parse_report(values["bias"]) if "bias" in values else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"the server's answer is not a job ({error})") from error


def result_of(job: Job) -> Transcription | None:
    """The transcript, None while there is none. Raises the ApiError that the job failed with, and JobCancelled."""
    if job.error is not None:
        raise job.error
    if job.status == "cancelled":
        raise JobCancelled(f"job {job.id} was cancelled")
    return job.result


def deadline(timeout_s: float | None) -> float:
    """When a wait that begins now ends, by the monotonic clock."""
    return time.monotonic() + (math.inf if timeout_s is None else timeout_s)


def pause_s(poll_s: float, ends_at: float) -> float:
    """Seconds to wait before a job is asked for again. Raises TimeoutError when the deadline has passed."""
    left_s = ends_at - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("the job has not ended in time; it goes on")
    return min(poll_s, left_s)
