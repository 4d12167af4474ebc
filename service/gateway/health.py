"""Liveness (this process answers), readiness (a real decode comes back), metrics, and the protocol's description."""

import asyncio
import secrets
import time
from collections import Counter
from importlib.resources import files

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from service import metrics
from service.audio.endpointer import Endpoint, SpeechStarted
from service.errors import SottoError, StoreUnavailable
from service.gateway.context import Gateway
from service.gateway.relay import follow
from service.gateway.replies import error_body
from service.gateway.rest.described import described
from service.gateway.rest.schemas import Status
from service.gateway.writer import SessionWriter
from service.log.sessions import new_id
from service.log.turns import TurnQueue
from service.transcript import SAMPLE_RATE

router = APIRouter(tags=["operations"])

PROBE_S = 5.0  # a decode that takes longer counts as none
PROBE_KEPT_S = 2.0  # one probe answers all who ask meanwhile


class Probe:
    """Sends a second of faint noise down the whole road: audio log, queue, worker, event log.

    The model is the default's stable one: a canary that fails must not take the gateways from everybody else.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._lock = asyncio.Lock()
        self._passed_at = float("-inf")

    async def check(self) -> None:
        """Raises NoWorkers, StoreUnavailable or TimeoutError when no decode comes back."""
        async with self._lock:
            if time.monotonic() - self._passed_at < PROBE_KEPT_S:
                return
            model = await self._gateway.admission.model(await self._gateway.admission.default(), None)
            async with asyncio.timeout(PROBE_S):
                await self._decode(model)
            self._passed_at = time.monotonic()

    async def _decode(self, model: str) -> None:
        gateway, session = self._gateway, new_id("probe")
        owner = f"{gateway.name}/{secrets.token_hex(8)}"
        await gateway.sessions.create(
            session, owner=owner, wake=gateway.waker.channel, token=secrets.token_hex(16), options={}
        )
        try:
            writer = SessionWriter(
                gateway.store, gateway.sessions, session, owner, kind="final", model=model, traced=False
            )
            noise = np.random.default_rng(0).normal(0, 50, SAMPLE_RATE).astype(np.int16)
            n = len(noise)
            await writer.write(
                noise, [SpeechStarted(0, 0), Endpoint(0, 0, n, n)], options_of=lambda _: {"language": "en"}
            )
            await gateway.sessions.finish(session, owner, utterances=1, duration_s=1.0)
            async for _ in follow(gateway.store, gateway.sessions, gateway.waker, session, after=0):
                pass
        finally:
            await gateway.sessions.delete(session)


@router.get("/healthz", summary="The process answers", response_model=None, responses=described(Status))
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", summary="A decode works end to end", responses=described(Status, 503))
async def readyz(request: Request) -> Response:
    try:
        await request.app.state.probe.check()
    except TimeoutError:
        error: SottoError = StoreUnavailable(f"no decode came back within {PROBE_S:.0f} s")
        return JSONResponse(error_body(error), 503)
    except SottoError as error:
        return JSONResponse(error_body(error), 503)
    return JSONResponse({"status": "ready"})


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def prometheus(request: Request) -> Response:
    gateway: Gateway = request.app.state.gateway
    load = await gateway.admission.load()
    metrics.WORKERS.set(len({worker.process or worker.id for worker in load.workers}))
    in_memory = Counter(worker.model for worker in load.workers if not worker.cold)
    for model in {gateway.settings.model, *load.deployment.models, *load.languages}:
        metrics.MODEL_LOADED.labels(model).set(in_memory[model])
        for kind, length in (await TurnQueue(gateway.store, model).lengths()).items():
            metrics.QUEUE_LENGTH.labels(model, kind).set(length)
    body, content_type = metrics.exposition(gateway.settings.metrics_dir)
    return Response(body, media_type=content_type)


@router.get(
    "/asyncapi.yaml",
    summary="AsyncAPI description of /v1/stream",
    response_class=Response,
    responses={200: {"content": {"application/yaml": {"schema": {"type": "object"}}}}},
)
async def asyncapi() -> Response:
    text = (files("service.gateway") / "asyncapi.yaml").read_text("utf-8")
    return Response(text, media_type="application/yaml")
