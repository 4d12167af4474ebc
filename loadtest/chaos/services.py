"""A process of the deployment that is started again whenever it ends, as Kubernetes would."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import psutil

from loadtest.chaos.machines import Machine

AGAIN_S = 0.1


class Service:
    """`ended`: exit statuses that nobody asked for."""

    def __init__(
        self, name: str, machine: Machine, command: list[str], environment: dict[str, str], folder: Path
    ) -> None:
        self.name = name
        self.machine = machine
        self.ended: list[int] = []
        self.starts = 0
        self.excused = False  # while it may die of what is done to it
        self._command = [*machine.prefix, *command]
        self._environment = os.environ | environment
        self._log = folder / f"{name}.log"
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._asked = False

    async def start(self) -> None:
        await self._spawn()
        self._task = asyncio.create_task(self._supervise())

    async def _spawn(self) -> None:
        self._asked = False
        self.starts += 1
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def _supervise(self) -> None:
        while True:
            assert self._process is not None
            status = await self._process.wait()
            if self._stopping:
                return
            if not self._asked and not self.excused:
                self.ended.append(status)
            await asyncio.sleep(AGAIN_S)
            await self._spawn()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """SIGKILL and SIGTERM end it, and it is started again."""
        self._asked = self._asked or number in (signal.SIGKILL, signal.SIGTERM)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def use(self) -> tuple[int, int]:
        """Resident bytes and open file descriptors; zeros between two lives."""
        try:
            process = psutil.Process(self.pid)
            return process.memory_info().rss, process.num_fds()
        except psutil.Error:
            return 0, 0

    async def stop(self) -> None:
        self._stopping = True
        if self._process is None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        if self._task:
            await self._task
