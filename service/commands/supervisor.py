"""Runs the processes of `sotto serve`: starts them in order, restarts those that die, stops them in order."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Mapping

from prometheus_client.multiprocess import mark_process_dead

from service.log.private import PrivateRedis

log = logging.getLogger(__name__)

LONGEST_BACKOFF_S = 5.0
HEALTHY_S = 10.0  # a process that ran for so long may be restarted at once


class GaveUp(Exception):
    """A process ended by itself before it had ever worked."""


class Child:
    """One `sotto` subprocess."""

    def __init__(self, name: str, arguments: list[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self._arguments = [sys.executable, "-m", "service.cli", *arguments]
        self._environment = dict(environment)
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    async def supervise(self, has_worked: Callable[[], bool]) -> None:
        """Keeps the process running until `stop`. Raises GaveUp when it fails before `has_worked`."""
        backoff_s = 0.1
        while not self._stopping.is_set():
            started = time.monotonic()
            # its own process group: Ctrl-C at the terminal reaches only `serve`, which stops things in order
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments, env=self._environment, start_new_session=True
            )
            code = await self._process.wait()
            # so that its gauges are not counted any more
            mark_process_dead(self._process.pid, self._environment["PROMETHEUS_MULTIPROC_DIR"])  # type: ignore[no-untyped-call]  # untyped upstream
            if self._stopping.is_set():
                return
            if code > 0 and not has_worked():
                raise GaveUp(f"the {self.name} ended with status {code} (its log is above)")
            backoff_s = 0.1 if time.monotonic() - started > HEALTHY_S else min(backoff_s * 2, LONGEST_BACKOFF_S)
            log.warning("a process died, starting it again", extra={"child": self.name, "status": code})
            await asyncio.sleep(backoff_s)

    async def stop(self, timeout_s: float) -> None:
        """SIGTERM, and SIGKILL to one that takes longer than `timeout_s`."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), timeout_s)
        except TimeoutError:
            log.warning("a process did not drain in time", extra={"child": self.name})
            process.kill()
            await process.wait()


async def supervise_redis(redis: PrivateRedis, stopping: asyncio.Event) -> None:
    """Starts the private server again when it dies; its append-only file brings back what was acknowledged."""
    while redis.process:
        await asyncio.to_thread(redis.process.wait)
        if stopping.is_set():
            return
        log.warning("the private Valkey died, starting it again")
        await asyncio.to_thread(redis.start)
