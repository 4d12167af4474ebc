"""Composition root of the worker process: settings, model, Redis, signals."""

import asyncio
import logging
import os
import secrets
import signal
import socket
from pathlib import Path

from prometheus_client import start_http_server
from threadpoolctl import threadpool_limits

from models.registry import resolve
from service import logs
from service.decoding.whisper import WhisperDecoder
from service.errors import SottoError
from service.log.store import Store
from service.log.workers import WorkerStatus
from service.settings import Settings
from service.worker.device import Placement, place
from service.worker.loop import Worker

log = logging.getLogger(__name__)


def main(settings: Settings, *, redis_url: str) -> int:
    """Runs a worker until SIGTERM; returns the process's exit status."""
    logs.configure(settings.log_level, "worker")
    # NumPy's BLAS threads spin for 100 ms after each small product: a whole core that Whisper needs
    threadpool_limits(limits=1, user_api="blas")
    try:
        asyncio.run(_serve(settings, redis_url))
    except SottoError as error:
        log.error(error.message, extra={"code": error.code})
        return 1
    return 0


def load_decoder(settings: Settings, placement: Placement, model_dir: Path) -> WhisperDecoder:
    return WhisperDecoder(
        model_dir, device=placement.device, compute_type=placement.compute_type, threads=placement.slots
    )


async def _serve(settings: Settings, redis_url: str) -> None:
    placement = place(settings)
    model_dir = resolve(settings.model, settings.data_dir / "models")
    decoder = await asyncio.to_thread(load_decoder, settings, placement, model_dir)
    store = Store(redis_url, prefix=settings.key_prefix)
    await store.check()
    status = WorkerStatus(
        id=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
        model=settings.model,
        device=placement.device,
        compute_type=placement.compute_type,
        slots=placement.slots,
        max_batch=placement.max_batch,
        busy=0,
        languages=decoder.languages,
    )
    worker = Worker(
        store,
        decoder,
        status,
        gather_ms=placement.gather_ms,
        claim_idle_ms=settings.claim_idle_ms,
        max_deliveries=settings.max_deliveries,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.drain)
    if settings.worker_metrics_port:
        start_http_server(settings.worker_metrics_port)
    log.info("worker ready", extra={"model": settings.model, "device": placement.device, "slots": placement.slots})
    try:
        await worker.run()
    finally:
        await store.close()
    log.info("worker drained")
