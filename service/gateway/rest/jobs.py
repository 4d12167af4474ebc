"""`/v1/jobs`: recordings that are transcribed in the background, by whichever gateway takes them up."""

import asyncio
import contextlib
import logging
import tempfile
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile
from redis.exceptions import RedisError

from service.audio.container import probe_duration
from service.errors import BadRequest, DecodeFailed, Failed, NotFound, SottoError, StoreUnavailable
from service.gateway import webhooks
from service.gateway.auth import caller_of
from service.gateway.biasing import BiasWish
from service.gateway.context import Gateway
from service.gateway.recording import Recording, RecordingOptions
from service.gateway.replies import error_body
from service.gateway.rest.bias_form import FormRoute, bias_form
from service.gateway.rest.described import described
from service.gateway.rest.schemas import Job
from service.gateway.rest.transcription import Transcription, as_verbose_json
from service.log.event_log import Event
from service.log.jobs import ENDED, ClaimedJob, Jobs
from service.log.sessions import new_id
from service.log.tasks import cancel_tasks
from service.log.uses import Uses

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=FormRoute)

RUNNERS = 2  # jobs that one gateway runs at once
RENEWALS = 4  # of a claim, in the time after which it counts as idle
RETRY_S = 1.0
WAIT_MS = 1_000
SPOOL_BYTES = 8 * 1024 * 1024


@router.post(
    "",
    status_code=202,
    summary="Transcribe a long recording in the background",
    response_model=None,
    responses=described(Job, 400, 401, 404, 413, 422, 503, status=202),
)
async def submit(
    request: Request,
    response: Response,
    file: Annotated[UploadFile, File()],
    wish: Annotated[BiasWish, Depends(bias_form)],
    model: Annotated[str | None, Form()] = None,
    language: Annotated[str | None, Form()] = None,
    prompt: Annotated[str, Form(max_length=2000)] = "",
    webhook_url: Annotated[str | None, Form(max_length=2000)] = None,
) -> dict[str, Any]:
    gateway: Gateway = request.app.state.gateway
    tenant = caller_of(request).tenant
    served = await gateway.admission.model(model or None, language or None, tenant=tenant.id)
    if webhook_url:
        webhooks.validate(webhook_url, gateway.settings)
    resolved = await gateway.biasing.resolve(tenant, wish)
    await gateway.biasing.keep_for(resolved.bias, gateway.settings.job_ttl_s)
    report = None if wish.is_empty else resolved.report
    options = {
        "recording": RecordingOptions(served, language or None, prompt=prompt, bias=resolved.bias).dump(),
        "filename": file.filename,
        "webhook_url": webhook_url,
        "bias_report": report,
    }
    job = new_id("job")
    # the model stays loaded until the job has ended
    await Uses(gateway.store).hold([(served, job)], gateway.settings.job_ttl_s)
    record = await _jobs(gateway).submit(job, tenant.id, file.file, options)
    response.headers["Location"] = f"/v1/jobs/{job}"
    return public(record) | ({"bias": report} if report else {})


@router.get(
    "/{job}",
    summary="Progress and result of a job",
    response_model=None,
    responses=described(Job, 401, 404, 503),
)
async def status(request: Request, job: str) -> dict[str, Any]:
    return public(await _jobs(request.app.state.gateway).get(job, caller_of(request).tenant.id))


@router.delete(
    "/{job}",
    summary="Cancel a job, or forget one that has ended",
    response_model=None,
    responses=described(Job, 401, 404, 503),
)
async def cancel(request: Request, job: str) -> dict[str, Any]:
    jobs = _jobs(request.app.state.gateway)
    record = await jobs.get(job, caller_of(request).tenant.id)
    if record["status"] in ENDED:
        await jobs.delete(job)
        return public(record)
    cancelled = await jobs.update(job, status="cancelled")
    await Uses(request.app.state.gateway.store).release(record["options"]["recording"]["model"], job)
    return public(cancelled)


def public(record: dict[str, Any]) -> dict[str, Any]:
    """The record without what only the runner needs."""
    return {"object": "job"} | {name: value for name, value in record.items() if name not in ("options", "tenant")}


def _jobs(gateway: Gateway) -> Jobs:
    return Jobs(gateway.store, ttl_s=gateway.settings.job_ttl_s)


class JobRunner:
    """Runs jobs of the shared queue on this gateway. A job whose gateway dies is started again by another."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._jobs = _jobs(gateway)
        self._uses = Uses(gateway.store)
        self._draining = False

    async def run(self) -> None:
        """Works until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(RUNNERS):
                group.create_task(self._serve(f"{self._gateway.name}-{number}", group))

    async def drain(self) -> None:
        """Takes no further job; a running one is left to be reclaimed."""
        self._draining = True

    async def _serve(self, consumer: str, group: asyncio.TaskGroup) -> None:
        idle_ms = self._gateway.settings.claim_idle_ms
        while not self._draining:
            try:
                await self._jobs.ensure_group()
                claimed = await self._jobs.claim(consumer, timeout_ms=WAIT_MS, idle_ms=idle_ms)
                if claimed:
                    async with self._kept(consumer, claimed):
                        with contextlib.suppress(NotFound):  # cancelled or expired meanwhile
                            await self._run_job(claimed)
                    group.create_task(self._conclude(consumer, claimed))
            except (RedisError, SottoError) as error:
                log.warning("cannot reach the job queue", extra={"reason": str(error)})
                await asyncio.sleep(RETRY_S)

    async def _conclude(self, consumer: str, claimed: ClaimedJob) -> None:
        """Tells the webhook, then takes the job off the queue; no other job waits for a slow webhook."""
        try:
            async with self._kept(consumer, claimed):
                with contextlib.suppress(NotFound):
                    record = await self._jobs.get(claimed.id)
                    await self._uses.release(record["options"]["recording"]["model"], claimed.id)
                    await self._notify(record)
                await self._jobs.ack(claimed.entry)
        except (RedisError, SottoError) as error:  # the job is reclaimed, and told again
            log.warning("cannot conclude a job", extra={"job": claimed.id, "reason": str(error)})

    async def _run_job(self, claimed: ClaimedJob) -> None:
        """Transcribes, and records the result or why there is none."""
        record = await self._jobs.get(claimed.id)
        if record["status"] in ENDED:
            return
        try:
            if claimed.deliveries > self._gateway.settings.max_deliveries:
                raise DecodeFailed(f"not finished in {claimed.deliveries - 1} deliveries")
            await self._transcribe(claimed.id, record)
        except (NotFound, StoreUnavailable, RedisError):
            raise
        except Exception as error:  # one bad job must not end the runner
            known = error if isinstance(error, SottoError) else Failed("Sotto failed; the log says why")
            cause = None if isinstance(error, BadRequest) else error  # a bad file is nothing to look into
            log.warning("job failed", extra={"job": claimed.id, "code": known.code}, exc_info=cause)
            await self._jobs.update(claimed.id, status="failed", ended=time.time(), **error_body(known))

    @contextlib.asynccontextmanager
    async def _kept(self, consumer: str, claimed: ClaimedJob) -> AsyncIterator[None]:
        """Renews the claim on a job for the length of a block, well before it counts as idle."""
        interval_s = self._gateway.settings.claim_idle_ms / 1000 / RENEWALS

        async def keep() -> None:
            while True:
                await asyncio.sleep(interval_s)
                try:
                    await self._jobs.keep(consumer, claimed.entry)
                except (RedisError, SottoError) as error:
                    log.warning("cannot renew a job", extra={"job": claimed.id, "reason": str(error)})

        keeper = asyncio.create_task(keep())
        try:
            yield
        finally:
            await cancel_tasks((keeper,))

    async def _transcribe(self, job: str, record: dict[str, Any]) -> None:
        await self._jobs.update(job, status="running", progress=0.0)
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
            async for piece in self._jobs.read_upload(job):
                spool.write(piece)
            spool.seek(0)
            result = await self._follow(record, spool)  # type: ignore[arg-type]  # typeshed: not a BinaryIO
        await self._jobs.update(job, status="succeeded", progress=1.0, ended=time.time(), result=result)

    async def _follow(self, record: dict[str, Any], spool: BinaryIO) -> dict[str, Any]:
        """Transcribes, and reports progress at every final; a job that was cancelled raises NotFound there."""
        job, options = record["id"], record["options"]
        duration_s = await asyncio.to_thread(probe_duration, spool, options["filename"])
        spool.seek(0)
        recording = Recording(
            self._gateway,
            await self._gateway.access.tenant(record["tenant"]),
            spool,
            options["filename"],
            RecordingOptions.load(options["recording"]),
            account=record["id"],
        )
        finals: list[Event] = []
        events = recording.events()
        async with contextlib.aclosing(events):
            async for event in events:
                if event["type"] == "finished":
                    whole = Transcription(tuple(finals), event["duration"], options.get("bias_report"))
                    return as_verbose_json(whole, words=True, segments=True)
                finals.append(event)
                progress = min(0.99, event["end"] / duration_s) if duration_s else 0.0
                await self._jobs.update(job, progress=round(progress, 3))
        raise AssertionError("a recording ends with `finished` or an error")

    async def _notify(self, record: dict[str, Any]) -> None:
        url = record["options"]["webhook_url"]
        if url:
            delivered = await webhooks.deliver(
                url, {"type": "job.ended", "job": public(record)}, self._gateway.settings
            )
            log.info("webhook", extra={"job": record["id"], "delivered": delivered})
