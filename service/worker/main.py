"""Composition root of the worker process: settings, model, Redis, signals."""

import asyncio
import logging
import os
import secrets
import signal
import socket

from prometheus_client import start_http_server
from threadpoolctl import threadpool_limits

from service import event_loop, logs, tracing
from service.errors import SottoError
from service.log.figures import Teller
from service.log.store import Store
from service.log.tasks import cancel_tasks
from service.settings import Settings
from service.worker.device import place
from service.worker.host import Host, HostOptions
from service.worker.inventory import MB
from service.worker.model_folder import ModelFolder

log = logging.getLogger(__name__)


def main(settings: Settings, *, redis_url: str) -> int:
    """Runs a worker until SIGTERM; returns the process's exit status."""
    logs.configure(settings.log_level, "worker")
    tracing.configure(settings.otel_endpoint, settings.otel_ratio, "worker")
    # NumPy's BLAS threads spin for 100 ms after each small product: a whole core that Whisper needs
    threadpool_limits(limits=1, user_api="blas")
    try:
        event_loop.run(_serve(settings, redis_url))
    except SottoError as error:
        log.error(error.message, extra={"code": error.code})
        return 1
    return 0


async def _serve(settings: Settings, redis_url: str) -> None:
    placement = place(settings)
    store = Store(redis_url, prefix=settings.key_prefix)
    await store.wait()
    options = HostOptions(
        process=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}",
        own_model=settings.model,
        memory_limit=settings.model_memory_mb * MB,
        claim_idle_ms=settings.claim_idle_ms,
        max_deliveries=settings.max_deliveries,
    )
    host = Host(store, ModelFolder(settings.data_dir / "models", placement), placement, options)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, host.drain)
    if settings.worker_metrics_port:
        start_http_server(settings.worker_metrics_port)
    telling = asyncio.create_task(Teller(store).run())
    try:
        await host.run()
    finally:
        await cancel_tasks([telling])
        await store.close()
    log.info("worker drained")
