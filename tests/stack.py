"""Real processes for tests: gateways, workers and a Redis that can be stopped, killed and started again."""

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx

from service.log.private import PrivateRedis

READY_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """One `sotto` process whose log is kept."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self._log = log
        self._process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", *arguments],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=log.open("ab"),
            stderr=subprocess.STDOUT,
        )

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def terminate(self, timeout_s: float = 30) -> int:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
        return self._process.wait(timeout_s)

    def ended(self, timeout_s: float = 30) -> int:
        """The status of a process that was told to end before: a second signal would cut its last moments short."""
        return self._process.wait(timeout_s)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def log_lines(self) -> list[dict[str, object]]:
        lines = []
        for line in self._log.read_text(errors="replace").splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                lines.append(json.loads(line))
        return lines


class Stack:
    """A deployment: one Redis, any number of gateways and workers."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.redis = PrivateRedis(folder / "redis")
        self.redis.start()
        # tests of other processes may keep the machine busy: nobody is refused because finals are late
        patient = {"SOTTO_MAX_FINAL_WAIT_MS": "60000"}
        self.environment = {"REDIS_URL": self.redis.url, "SOTTO_API_KEYS": ""} | patient | environment
        self.processes: list[Process] = []
        self.url = ""  # of the gateway that tests share, where there is one

    def gateway(self, *, port: int = 0, trust: ssl.SSLContext | None = None, **environment: str) -> tuple[Process, str]:
        """`port`: any free one by default. `trust`: whom to believe the certificate that the environment gives the
        gateway."""
        port = port or free_port()
        process = self._start(["gateway", "--port", str(port)], environment)
        url = f"{'https' if trust else 'http'}://127.0.0.1:{port}"
        self.wait(f"{url}/healthz", process, trust=trust)
        return process, url

    def worker(self, **environment: str) -> Process:
        return self._start(["worker"], environment)

    def _start(self, arguments: list[str], environment: dict[str, str]) -> Process:
        log = self.folder / f"{len(self.processes)}-{arguments[0]}.log"
        process = Process(arguments, self.environment | environment, log)
        self.processes.append(process)
        return process

    def ready(self, url: str) -> None:
        """Waits until a decode works through this gateway."""
        self.wait(f"{url}/readyz", self.processes[0])

    @staticmethod
    def wait(url: str, process: Process, *, trust: ssl.SSLContext | None = None) -> None:
        """Asks until the answer is 200; fails with the process's last words."""
        deadline = time.monotonic() + READY_S
        with httpx.Client(timeout=10, verify=trust or True) as client:
            while time.monotonic() < deadline and process.running:
                with contextlib.suppress(httpx.HTTPError):
                    if client.get(url).status_code == 200:
                        return
                time.sleep(0.05)
        raise AssertionError(f"{url} did not answer 200; last log lines: {process.log_lines()[-5:]}")

    def close(self) -> None:
        for process in self.processes:
            process.signal(signal.SIGCONT)
            process.kill()
        self.redis.stop()
