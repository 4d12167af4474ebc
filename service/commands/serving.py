"""`sotto serve`, `sotto gateway`, `sotto worker`, and a private server for commands that need one."""

import asyncio
import contextlib
import fcntl
import gc
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import httpx
import typer
from rich.console import Console
from threadpoolctl import threadpool_limits

from models.registry import resolve
from service import logs, tracing
from service.commands.supervisor import Child, supervise_redis
from service.commands.terminal import fetch_with_progress, one_line_errors
from service.errors import BadRequest, ModelUnavailable, NoWorkers, StoreUnavailable
from service.gateway.auth import asks_for_no_key, require_loopback_when_open
from service.log.private import PrivateRedis
from service.settings import Settings

READY_TRIES_S = 120.0
LOOK_S = 0.1
GARBAGE_OBJECTS = 20_000  # allocations between two collections: hundreds of streams make a thousand in no time
MAX_REQUEST_LINE = 256 * 1024  # bytes; uvicorn itself refuses requests of half as many

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]
Model = Annotated[str | None, typer.Option(help="Model id to serve (see `sotto models list`).")]
Device = Annotated[Literal["auto", "cpu", "cuda"] | None, typer.Option(help="Where Whisper runs.")]


def serve(host: Host = "127.0.0.1", port: Port = 8000, model: Model = None, device: Device = None) -> None:
    """Run everything on this machine: gateway, worker and, without REDIS_URL, a private Valkey."""
    with one_line_errors():
        settings = _settings(model, device)
        logs.configure(settings.log_level, "serve")
        with _redis_for(settings) as (redis_url, private):
            open_to_all = _check_keys(settings, redis_url, host)
            _check_address(settings, host, port)
            ensure_model(settings)
            raise typer.Exit(asyncio.run(_serve(settings, redis_url, private, host, port, open_to_all)))


def gateway(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Run a gateway: REST and WebSocket. Needs REDIS_URL."""
    with one_line_errors():
        settings = Settings()
        redis_url = _needed_redis(settings)
        _check_keys(settings, redis_url, host)
        _check_address(settings, host, port)
        run_gateway(settings, redis_url, host, port)


def worker(model: Model = None, device: Device = None) -> None:
    """Run a worker: Whisper, fed by the queues in Redis. Needs REDIS_URL."""
    from service.worker.main import main

    with one_line_errors():
        settings = _settings(model, device)
        raise typer.Exit(main(settings, redis_url=_needed_redis(settings)))


def run_gateway(settings: Settings, redis_url: str, host: str, port: int) -> None:
    """Serves until SIGTERM: stops accepting, closes sockets with 1012 (resumable), finishes requests."""
    import uvicorn
    from websockets import http11

    from service.gateway.app import create_app
    from service.gateway.connections import TimedH11Protocol
    from service.gateway.limits import MAX_LIST_BYTES

    logs.configure(settings.log_level, "gateway")
    tracing.configure(settings.otel_endpoint, settings.otel_ratio, "gateway")
    http11.MAX_LINE_LENGTH = MAX_REQUEST_LINE  # uvicorn never answers a handshake with a longer one
    threadpool_limits(limits=1, user_api="blas")  # spinning threads would take the workers' cores
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has drained: that is an orderly end
        signal.signal(number, lambda *_: sys.exit(0))
    app = create_app(settings, redis_url)
    gc.freeze()  # what is there by now stays: collections need not look at it
    gc.set_threshold(GARBAGE_OBJECTS)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        http=TimedH11Protocol,
        ws_max_size=MAX_LIST_BYTES,
        ws_per_message_deflate=False,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=settings.drain_s,
    )
    server = uvicorn.Server(config)
    app.state.is_draining = lambda: server.should_exit  # endless answers end
    server.run()


def ensure_model(settings: Settings) -> Path:
    """The folder of the served model, fetched with progress when it is not here yet."""
    models_dir = settings.data_dir / "models"
    try:
        return resolve(settings.model, models_dir)
    except ModelUnavailable:
        return fetch_with_progress(settings.model, models_dir)


@contextlib.contextmanager
def private_server(wanted_port: int | None = None) -> Iterator[str]:
    """The URL of a server of one's own, ready to decode; it ends with the block. Any free port, if need be."""
    settings = Settings()
    ensure_model(settings)
    port = wanted_port if wanted_port and _is_free(wanted_port) else _free_port()
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("SOTTO_TLS_", "SOTTO_OIDC_"))
    }
    with tempfile.TemporaryDirectory(prefix="sotto-") as folder, open(Path(folder) / "log", "wb") as log_file:
        redis = PrivateRedis(Path(folder) / "redis")
        redis.start()
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "serve", "--port", str(port)],
            env=inherited | {"REDIS_URL": redis.url, "SOTTO_API_KEYS": "", "SOTTO_WYOMING_PORT": "0"},
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            if not wait_until_ready(url, process):
                log_file.flush()
                last = (Path(folder) / "log").read_text(errors="replace").strip().rsplit("\n", 1)[-1]
                raise NoWorkers(f"the private server did not become ready: {last}")
            yield url
        finally:
            process.terminate()
            process.wait()
            redis.stop()


def wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> bool:
    """Asks /readyz until it says yes; False when the process ends or takes too long."""
    deadline = time.monotonic() + READY_TRIES_S
    with httpx.Client(timeout=10) as client:
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if client.get(f"{url}/readyz").status_code == 200:
                    return True
            time.sleep(LOOK_S)
    return False


async def _serve(
    settings: Settings, redis_url: str, private: PrivateRedis | None, host: str, port: int, open_to_all: bool
) -> int:
    """Supervises gateway and worker until a signal; stops gateway, worker, then Redis."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    stopping, worked = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    with tempfile.TemporaryDirectory(prefix="sotto-metrics-") as metrics_dir:
        environment = os.environ | {"REDIS_URL": redis_url, "PROMETHEUS_MULTIPROC_DIR": metrics_dir}
        gateway_child = Child("gateway", ["gateway", "--host", host, "--port", str(port)], environment)
        placed = ["--model", settings.model, "--device", settings.device]
        worker_child = Child("worker", ["worker", *placed], environment | {"SOTTO_MODEL": settings.model})
        tasks = [
            asyncio.create_task(gateway_child.supervise(worked.is_set)),
            asyncio.create_task(worker_child.supervise(worked.is_set)),
            asyncio.create_task(_announce(console, settings, host, port, worked, open_to_all)),
        ]
        if private:
            tasks.append(asyncio.create_task(supervise_redis(private, stopping)))
        stop = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait([*tasks[:2], stop], return_when=asyncio.FIRST_COMPLETED)
            failed = next((t for t in tasks[:2] if t.done() and t.exception()), None)
            if failed:
                console.print(f"error: {failed.exception()}", markup=False)
        finally:
            stopping.set()
            await gateway_child.stop(settings.drain_s + 5)
            await worker_child.stop(settings.drain_s + 5)
            for task in (*tasks[:3], stop):
                task.cancel()
            await asyncio.gather(*tasks[:3], stop, return_exceptions=True)
            if private:
                await asyncio.to_thread(private.stop)
                await asyncio.gather(*tasks[3:], return_exceptions=True)
    return 1 if failed else 0


async def _announce(
    console: Console, settings: Settings, host: str, port: int, worked: asyncio.Event, open_to_all: bool
) -> None:
    """Says where the server is once a decode has worked."""
    scheme = "https" if settings.tls_cert else "http"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    started = time.monotonic()
    # its own child, asked by address: the certificate names the host that clients know
    async with httpx.AsyncClient(timeout=10, verify=False) as client:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(f"{url}/readyz")).status_code == 200:
                    break
            await asyncio.sleep(LOOK_S)
    worked.set()
    took_s = time.monotonic() - started
    console.print(f"Sotto is ready at {url} ({took_s:.1f} s); dictate at {url}/app/, API page {url}/docs", markup=False)
    if open_to_all:
        console.print("No API key is configured: any key is accepted, on loopback only.", markup=False)


@contextlib.contextmanager
def _redis_for(settings: Settings) -> Iterator[tuple[str, PrivateRedis | None]]:
    """The Redis to use: REDIS_URL, or a private one in the data folder (in a temporary one if that is in use)."""
    if settings.redis_url:
        yield settings.redis_url, None
        return
    folder = settings.data_dir / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary = None
        except BlockingIOError:
            temporary = folder = Path(tempfile.mkdtemp(prefix="sotto-"))
        redis = PrivateRedis(folder)
        redis.start()
        try:
            yield redis.url, redis
        finally:
            redis.stop()
            if temporary:
                shutil.rmtree(temporary, ignore_errors=True)


def _settings(model: str | None, device: Literal["auto", "cpu", "cuda"] | None) -> Settings:
    changes = {name: value for name, value in (("model", model), ("device", device)) if value}
    return Settings().model_copy(update=changes)


def _needed_redis(settings: Settings) -> str:
    if not settings.redis_url:
        raise StoreUnavailable("REDIS_URL is not set; `sotto serve` runs everything with a private Valkey")
    return settings.redis_url


def _check_address(settings: Settings, host: str, port: int) -> None:
    """Raises BadRequest when an address cannot be listened on."""
    _check_certificate(settings)
    _check_free(host, port, field="port")
    if settings.wyoming_port:
        _check_free(settings.wyoming_host, settings.wyoming_port, field="wyoming_port")


def _check_keys(settings: Settings, redis_url: str, host: str) -> bool:
    """Whether anybody may call. Raises BadRequest when others than this machine then could."""
    open_to_all = asks_for_no_key(settings, redis_url)
    require_loopback_when_open(open_to_all, host)
    return open_to_all


def _check_certificate(settings: Settings) -> None:
    if settings.tls_cert:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_cert, settings.tls_key)
        except OSError as error:
            raise BadRequest(
                f"no certificate with its key in {settings.tls_cert}: {error}", field="tls_cert"
            ) from error


def _check_free(host: str, port: int, *, field: str) -> None:
    try:
        _bind(host, port)
    except OSError as error:
        raise BadRequest(f"cannot listen on {host}:{port}: {error.strerror}", field=field) from error


def _bind(host: str, port: int) -> int:
    """Binds for a moment; the port that it was. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        bound: int = probe.getsockname()[1]
        return bound


def _is_free(port: int) -> bool:
    try:
        _bind("127.0.0.1", port)
    except OSError:
        return False
    return True


def _free_port() -> int:
    return _bind("127.0.0.1", 0)
