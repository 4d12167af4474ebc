"""A server of one's own whose decoder follows a script: Redis, gateways and workers as processes."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from loadtest import cost_model
from service.log.private import PrivateRedis

READY_S = 30.0


@dataclass(frozen=True, slots=True)
class Simulated:
    """`costs`: a cost model that times the decoder, None: it answers at once. `workers` processes with `slots` each
    that decode up to `max_batch` utterances at once. `settings`: environment of the gateways."""

    costs: Path | None = None
    gateways: int = 1
    workers: int = 1
    slots: int = 2
    max_batch: int = 4
    settings: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, costs: Path | None) -> "Simulated":
        """One machine of the kind that was measured. Raises BadRequest for a cost model that cannot be read."""
        if costs is None:
            return cls()
        model = cost_model.load(costs)
        return cls(costs=costs, slots=model.slots, max_batch=model.max_batch)


@dataclass(frozen=True, slots=True)
class Running:
    """`url` of the first gateway; `pids` of Redis, gateways and workers."""

    url: str
    pids: tuple[int, ...]
    redis_url: str


@contextlib.contextmanager
def simulated(wanted: Simulated) -> Iterator[Running]:
    """Gateways and scripted workers with a Redis of their own, ready; they end with the block."""
    with tempfile.TemporaryDirectory(prefix="sotto-") as folder:
        redis = PrivateRedis(Path(folder))
        redis.start()
        environment = {
            "REDIS_URL": redis.url,
            "SOTTO_API_KEYS": "",
            "SOTTO_LOG_LEVEL": "warning",
            "SOTTO_MAX_SESSIONS": "100000",
        } | dict(wanted.settings)
        ports = [_free_port() for _ in range(wanted.gateways)]
        commands = [[sys.executable, "-m", "service.cli", "gateway", "--port", str(port)] for port in ports]
        commands += [_worker(redis.url, wanted, number) for number in range(wanted.workers)]
        processes = [subprocess.Popen(command, env=os.environ | environment) for command in commands]
        try:
            urls = [f"http://127.0.0.1:{port}" for port in ports]
            asyncio.run(_ready(urls))
            assert redis.process is not None
            yield Running(urls[0], (redis.process.pid, *(process.pid for process in processes)), redis.url)
        finally:
            for process in reversed(processes):
                process.terminate()
                process.wait()
            redis.stop()


def _worker(redis_url: str, wanted: Simulated, number: int) -> list[str]:
    options = ["--name", f"scripted-{number}", "--slots", str(wanted.slots), "--max-batch", str(wanted.max_batch)]
    options += ["--costs", str(wanted.costs)] if wanted.costs else []
    return [sys.executable, "-m", "loadtest.scripted", redis_url, *options]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _ready(urls: Sequence[str]) -> None:
    async with asyncio.timeout(READY_S), httpx.AsyncClient(trust_env=False) as client:
        for url in urls:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"{url}/readyz")).status_code == 200:
                        break
                await asyncio.sleep(0.1)
