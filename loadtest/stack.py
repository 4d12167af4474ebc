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
from service.errors import NoWorkers
from service.log.private import PrivateRedis


@dataclass(frozen=True, slots=True)
class Workers:
    """`count` processes of a module that takes a Redis URL, `arguments` and `--name`."""

    module: str = "loadtest.scripted"
    arguments: tuple[str, ...] = ()
    count: int = 1
    ready_s: float = 120.0

    @classmethod
    def scripted(cls, costs: Path | None, *, count: int = 1, slots: int = 0, max_batch: int = 0) -> "Workers":
        """Whose decoder takes as long as the cost model says, none: no time. Slots and batches are those that were
        measured, unless others are named. Raises BadRequest for a cost model that cannot be read."""
        model = cost_model.load(costs) if costs else None
        slots = slots or (model.slots if model else 2)
        max_batch = max_batch or (model.max_batch if model else 4)
        arguments = ("--slots", str(slots), "--max-batch", str(max_batch))
        return cls(arguments=arguments + (("--costs", str(costs)) if costs else ()), count=count)


@dataclass(frozen=True, slots=True)
class Running:
    """`url` of the first gateway; `pids` of Redis, gateways and workers."""

    url: str
    pids: tuple[int, ...]
    redis_url: str


@contextlib.contextmanager
def simulated(workers: Workers, *, gateways: int = 1) -> Iterator[Running]:
    """Gateways and workers with a Redis of their own, ready; they end with the block."""
    with tempfile.TemporaryDirectory(prefix="sotto-") as folder:
        redis = PrivateRedis(Path(folder))
        redis.start()
        environment = {
            "REDIS_URL": redis.url,
            "SOTTO_API_KEYS": "",
            "SOTTO_LOG_LEVEL": "warning",
            "SOTTO_MAX_SESSIONS": "100000",
        }
        ports = [_free_port() for _ in range(gateways)]
        commands = [[sys.executable, "-m", "service.cli", "gateway", "--port", str(port)] for port in ports]
        for number in range(workers.count):
            options = [redis.url, *workers.arguments, "--name", f"simulated-{number}"]
            commands.append([sys.executable, "-m", workers.module, *options])
        processes = [subprocess.Popen(command, env=os.environ | environment) for command in commands]
        try:
            urls = [f"http://127.0.0.1:{port}" for port in ports]
            asyncio.run(_ready(urls, workers.ready_s))
            assert redis.process is not None
            yield Running(urls[0], (redis.process.pid, *(process.pid for process in processes)), redis.url)
        finally:
            for process in reversed(processes):
                process.terminate()
                process.wait()
            redis.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _ready(urls: Sequence[str], limit_s: float) -> None:
    """Raises NoWorkers when one does not become ready in time."""
    try:
        await asyncio.wait_for(_all_ready(urls), limit_s)
    except TimeoutError:
        raise NoWorkers(f"the simulated server was not ready in {limit_s:.0f} s") from None


async def _all_ready(urls: Sequence[str]) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for url in urls:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"{url}/readyz")).status_code == 200:
                        break
                await asyncio.sleep(0.1)
