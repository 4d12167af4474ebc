"""The deployment's Redis: a master and a replica with append-only files on small disks, and three sentinels."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from loadtest.chaos.machines import Machine, Network
from loadtest.chaos.services import Service

DISK_MB = 384
LOOK_S = 0.02
PATIENCE_S = 60.0
DOWN_AFTER_MS = 6_000  # longer than a restart takes: a server that comes back stays the master
MASTER = "chaos"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Disk:
    """A small file system of its own, where one may be mounted; `reason` tells why not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reason = ""
        folder.mkdir(parents=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "none", str(folder)]
        try:
            done = subprocess.run(mount, capture_output=True, text=True, check=False)
            self.reason = done.stderr.strip()
        except OSError as error:
            self.reason = str(error)

    def fill(self) -> None:
        with contextlib.suppress(OSError), (self.folder / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(65_536))

    def free(self) -> None:
        (self.folder / "ballast").unlink(missing_ok=True)

    def close(self) -> None:
        if not self.reason:
            subprocess.run(["umount", "-l", str(self.folder)], capture_output=True, check=False)


class Server:
    """One server that keeps its role through restarts: it writes it into its own configuration."""

    def __init__(
        self, name: str, machine: Machine, folder: Path, binary: str, fsync: str, master: "Server | None"
    ) -> None:
        self.machine = machine
        self.port = free_port()
        self.disk = Disk(folder / name)
        settings = [
            f"port {self.port}",
            f"bind {machine.address}",
            "protected-mode no",
            f"dir {self.disk.folder}",
            "appendonly yes",
            f"appendfsync {fsync}",
            'save ""',
            "repl-diskless-sync-delay 0",
            "auto-aof-rewrite-min-size 24mb",
        ]
        if master:
            settings.append(f"replicaof {master.machine.address} {master.port}")
        self._rewrites: int | None = None  # when a rewrite was asked for
        conf = folder / f"{name}.conf"
        conf.write_text("\n".join(settings) + "\n")
        self.service = Service(name, machine, [binary, str(conf)], {}, folder)
        # Any: redis-py's reply types are unions over every protocol and decoding mode
        self.client: Any = Redis(host=machine.address, port=self.port, socket_timeout=2, socket_connect_timeout=2)

    async def role(self) -> str:
        info = await self.client.info("replication")
        return str(info["role"])

    async def rewritten(self) -> bool:
        """Writes the append-only file anew, if it can be written."""
        info = await self.client.info("persistence")
        if info["aof_last_write_status"] == "ok" and not info["aof_rewrite_in_progress"]:
            before = self._rewrites
            self._rewrites = info["aof_rewrites"]
            if before is not None and self._rewrites > before and info["aof_last_bgrewrite_status"] == "ok":
                self._rewrites = None
                return True
            await self.client.bgrewriteaof()
        return False

    async def close(self) -> None:
        await self.client.aclose()
        await self.service.stop()
        self.disk.close()


class Stores:
    """`url` is what gateways and workers are given."""

    def __init__(self, network: Network, folder: Path, *, binary: str, fsync: str) -> None:
        first = Server("store0", network.machine("store0"), folder, binary, fsync, None)
        second = Server("store1", network.machine("store1"), folder, binary, fsync, first)
        self.servers = (first, second)
        self._sentinels = [self._sentinel(number, network.home, folder, binary) for number in range(3)]
        asked = ",".join(f"{network.home.address}:{port}" for port, _ in self._sentinels)
        self.url = f"redis+sentinel://{asked}/{MASTER}/0"
        self._watch: Any = Redis(host=network.home.address, port=self._sentinels[0][0], socket_timeout=2)

    def _sentinel(self, number: int, home: Machine, folder: Path, binary: str) -> tuple[int, Service]:
        port, first = free_port(), self.servers[0]
        (folder / f"sentinel{number}").mkdir()
        conf = folder / f"sentinel{number}.conf"
        conf.write_text(
            f"port {port}\nbind {home.address}\nprotected-mode no\ndir {folder / f'sentinel{number}'}\n"
            f"sentinel monitor {MASTER} {first.machine.address} {first.port} 2\n"
            f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {MASTER} 4000\n"
        )
        return port, Service(f"sentinel{number}", home, [binary, str(conf), "--sentinel"], {}, folder)

    async def start(self) -> None:
        for server in self.servers:
            await server.service.start()
            await until(server.client.ping, "a server answers")
        await until(self.in_step, "the replica follows")
        for _, sentinel in self._sentinels:
            await sentinel.start()
        await until(self._watched, "the sentinels know each other and the replica")

    async def _watched(self) -> bool:
        state = await self._watch.sentinel_master(MASTER)
        return bool(state["num-other-sentinels"] == 2 and state["num-slaves"] == 1)

    async def master(self) -> Server:
        """Who the sentinels say is master. Raises RedisError."""
        _, port = await self._watch.sentinel_get_master_addr_by_name(MASTER)
        return next(server for server in self.servers if server.port == int(port))

    async def in_step(self) -> bool:
        """Whether the replica follows, and has all that the master has."""
        infos = [await server.client.info("replication") for server in self.servers]
        roles = sorted(info["role"] for info in infos)
        linked = all(info.get("master_link_status", "up") == "up" for info in infos)
        return roles == ["master", "slave"] and linked and len({info["master_repl_offset"] for info in infos}) == 1

    async def _following(self) -> bool:
        infos = [await server.client.info("replication") for server in self.servers]
        linked = all(info.get("master_link_status", "up") == "up" for info in infos)
        return sorted(info["role"] for info in infos) == ["master", "slave"] and linked

    async def fail_over(self) -> None:
        """Makes the replica the master, as an operator does it: writes wait until the replica has them all."""
        await until(self._following, "a replica follows")
        master = await self.master()
        await master.client.execute_command("CLIENT", "PAUSE", 20_000, "WRITE")
        await until(self.in_step, "the replica has all")
        await self._watch.execute_command("SENTINEL", "FAILOVER", MASTER)

        async def other() -> bool:
            now = await self.master()
            return now is not master and await now.role() == "master"

        await until(other, "the other server is master")
        # sentinels let it think for 8 s more that it is the master; what waits here must not be written here
        now = await self.master()
        await master.client.execute_command("REPLICAOF", now.machine.address, now.port)
        await master.client.execute_command("CONFIG", "REWRITE")
        await master.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await master.client.execute_command("CLIENT", "UNPAUSE")

    async def close(self) -> None:
        await self._watch.aclose()
        for _, sentinel in self._sentinels:
            await sentinel.stop()
        for server in self.servers:
            await server.close()


async def until(said: Callable[[], Awaitable[object]], what: str) -> None:
    """Asks again and again until `said` says yes; one that does not answer says no. Raises TimeoutError."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(RedisError, OSError):
                    if await said():
                        return
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise TimeoutError(f"not within {PATIENCE_S:.0f} s: {what}") from None


def find_binary(name: str) -> str:
    """A server binary on the PATH. Raises FileNotFoundError."""
    found = shutil.which(name)
    if not found:
        raise FileNotFoundError(f"no {name} on the PATH")
    return found
