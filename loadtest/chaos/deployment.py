"""The deployment under test: two gateways, two workers and their Redis, each on a machine of its own."""

import asyncio
import sys
from pathlib import Path

import httpx

from loadtest.chaos.machines import Machine, Network
from loadtest.chaos.services import Service
from loadtest.chaos.stores import LOOK_S, Stores, free_port
from service.log.store import Keys
from service.settings import Settings

KEY = "chaos"
READY_S = 120.0
RESUME_TTL_S = 60
FAKETIME = tuple(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


class Clock:
    """A clock that can be put forward and back while its process runs (Debian package libfaketime)."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.put(0)

    def put(self, seconds: int) -> None:
        """Off by so many seconds from now on."""
        changed = self._file.with_suffix(".new")
        changed.write_text(f"{seconds:+d}\n")
        changed.replace(self._file)

    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(FAKETIME[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": "1",
        }


class Deployment:
    """`clocks` are those of the processes whose clock can be put; `real` decodes with the base model."""

    def __init__(self, network: Network, folder: Path, stores: Stores, *, real: bool, max_deliveries: int) -> None:
        self.network = network
        self.stores = stores
        self.folder = folder
        self.clocks: dict[str, Clock] = {}
        self._real = real
        self._environment = {
            "REDIS_URL": stores.url,
            "SOTTO_API_KEYS": KEY,
            "SOTTO_RESUME_TTL_S": str(RESUME_TTL_S),
            "SOTTO_DECODE_THREADS": "1",
            "SOTTO_DRAIN_S": "5",
            "SOTTO_MAX_DELIVERIES": str(max_deliveries),
            "SOTTO_LOG_LEVEL": "warning",
        }
        self.urls: list[str] = []
        self.gateways = [self._gateway(number) for number in range(2)]
        self.workers = [self._worker(number) for number in range(2)]

    def _gateway(self, number: int) -> Service:
        machine, port = self.network.machine(f"gateway{number}"), free_port()
        self.urls.append(f"http://{machine.address}:{port}")
        command = [sys.executable, "-m", "service.cli", "gateway", "--host", machine.address, "--port", str(port)]
        return self._service("gateway", number, machine, command)

    def _worker(self, number: int) -> Service:
        command = [sys.executable, "-m", "loadtest.chaos.decoder", self.stores.url]
        if self._real:
            command = [sys.executable, "-m", "service.cli", "worker"]
        return self._service("worker", number, self.network.machine(f"worker{number}"), command)

    def _service(self, role: str, number: int, machine: Machine, command: list[str]) -> Service:
        name, environment = f"{role}{number}", dict(self._environment)
        if number == 1 and FAKETIME:
            self.clocks[name] = Clock(self.folder / f"{name}.clock")
            environment |= self.clocks[name].environment()
        return Service(name, machine, command, environment, self.folder)

    async def start(self) -> None:
        """Starts everything and waits until both gateways have seen a decode."""
        await self.stores.start()
        for service in self.services:
            await service.start()
        async with httpx.AsyncClient(timeout=10, headers={"Authorization": f"Bearer {KEY}"}) as client:
            await asyncio.gather(*(self._ready(client, url) for url in self.urls))

    async def _ready(self, client: httpx.AsyncClient, url: str) -> None:
        async with asyncio.timeout(READY_S):
            while True:
                try:
                    if (await client.get(f"{url}/readyz")).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass  # it is still starting
                await asyncio.sleep(LOOK_S)

    @property
    def services(self) -> list[Service]:
        return [*self.gateways, *self.workers]

    @property
    def everything(self) -> list[Service]:
        return [*self.services, *(server.service for server in self.stores.servers)]

    async def up(self, service: Service) -> bool:
        """Whether a gateway or worker works, as far as anybody can see."""
        if service in self.gateways:
            port = self.urls[self.gateways.index(service)].rpartition(":")[2]
            try:
                async with asyncio.timeout(1):
                    _, writer = await asyncio.open_connection(service.machine.address, int(port))
            except (OSError, TimeoutError):
                return False
            writer.close()
            return True
        master = await self.stores.master()
        names = await master.client.hkeys(Keys(Settings().key_prefix).workers())
        return any(f"-{service.pid}-" in name.decode() for name in names)

    async def close(self) -> None:
        for service in self.services:
            await service.stop()
        await self.stores.close()
        self.network.close()
