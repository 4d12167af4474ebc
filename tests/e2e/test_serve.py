"""`sotto serve` as a person or a service manager runs it: one process that starts, mends and ends the others."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import redis

from service.log.private import PrivateRedis
from tests.e2e.recordings import flac
from tests.e2e.scrape import scrape, total
from tests.stack import Stack, free_port

SOTTO = [sys.executable, "-m", "service.cli"]
CLIP = "human-en-vm-newpassword"
WAIT_S = 90.0


def environment(**changes: str) -> dict[str, str]:
    """This process's, without what would point to another deployment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SOTTO_", "REDIS_"))}
    return kept | changes


class Serve:
    """A running `sotto serve` with a data folder of its own."""

    def __init__(self, data_dir: Path, models: Path) -> None:
        (data_dir / "models").symlink_to(models)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = data_dir / "log"
        self.process = subprocess.Popen(
            [*SOTTO, "serve", "--port", str(port)],
            env=environment(SOTTO_DATA_DIR=str(data_dir)),
            stdin=subprocess.DEVNULL,
            stdout=self._log.open("wb"),
            stderr=subprocess.STDOUT,
        )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def children(self) -> dict[str, psutil.Process]:
        """The processes that it started and that live, by role."""
        roles = {}
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                words = child.cmdline()
                roles[next((word for word in words if word in ("gateway", "worker")), child.name())] = child
        return roles

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)

    def transcript(self) -> str:
        form = {"language": "en"}
        reply = httpx.post(f"{self.url}/v1/audio/transcriptions", files={"file": flac(CLIP)}, data=form, timeout=WAIT_S)
        text: str = reply.raise_for_status().json()["text"]
        return text

    def is_ready(self) -> bool:
        return httpx.get(f"{self.url}/readyz", timeout=WAIT_S).status_code == 200


@pytest.fixture(scope="module")
def serve(base_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    serve = Serve(tmp_path_factory.mktemp("serve"), base_model_dir.parent)
    children: list[psutil.Process] = []
    try:
        serve.until(lambda: "Sotto is ready at" in serve.output)
        children = list(serve.children().values())
        yield serve
    finally:
        serve.process.kill()
        serve.process.wait()
        for child in children:
            if child.is_running():
                child.kill()


def test_it_says_where_it_is_and_runs_its_own_valkey(serve: Serve) -> None:
    (ready,) = [line for line in serve.output.splitlines() if line.startswith("Sotto is ready at")]
    assert f"ready at {serve.url} (" in ready
    assert f"API page {serve.url}/docs" in ready
    assert "No API key is configured: any key is accepted, on loopback only." in serve.output
    assert {"gateway", "worker", "valkey-server"} <= set(serve.children())
    assert "password" in serve.transcript()
    assert total(scrape(serve.url), "sotto_batch_size_count") > 0, "the worker's metrics are shown too"


@pytest.mark.parametrize("role", ["worker", "gateway", "valkey-server"])
def test_what_is_killed_is_started_again(serve: Serve, role: str) -> None:
    before = serve.children()[role]
    before.kill()
    serve.until(lambda: serve.children().get(role, before).pid != before.pid)

    def works() -> bool:
        try:
            return serve.is_ready()
        except httpx.HTTPError:
            return False

    serve.until(works)
    assert "password" in serve.transcript()


def test_sigterm_ends_everything_in_order(serve: Serve) -> None:
    children = list(serve.children().values())
    serve.process.send_signal(signal.SIGTERM)
    assert serve.process.wait(WAIT_S) == 0, serve.output
    _, alive = psutil.wait_procs(children, timeout=0)
    assert not alive
    assert "Traceback" not in serve.output


def failed(*arguments: str, **variables: str) -> tuple[int, str]:
    """Exit status and output of a command that ends by itself."""
    done = subprocess.run(
        [*SOTTO, *arguments],
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_without_keys_only_loopback_is_served(host: str, live_stack: Stack, tmp_path: Path) -> None:
    for command, url in (("serve", ""), ("gateway", live_stack.redis.url)):
        variables = {"REDIS_URL": url} if url else {}
        status, output = failed(command, "--host", host, SOTTO_DATA_DIR=str(tmp_path), **variables)
        assert status == 2
        assert output.startswith("error: no API key is configured")
        assert output.count("\n") == 1


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, output = failed("serve", "--port", str(port), SOTTO_DATA_DIR=str(tmp_path))
    assert status == 2
    assert output.startswith(f"error: cannot listen on 127.0.0.1:{port}: ")
    assert output.count("\n") == 1


@pytest.mark.parametrize("content", ["not a certificate", None])
def test_a_certificate_that_is_none_is_told_in_one_line(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "server.pem"
    if content:
        path.write_text(content)
    status, output = failed("serve", SOTTO_DATA_DIR=str(tmp_path), SOTTO_TLS_CERT=str(path))
    assert status == 2
    assert output.startswith(f"error: no certificate with its key in {path}: ")
    assert output.count("\n") == 1


def test_a_redis_that_lets_nobody_in_is_told_without_a_traceback(base_model_dir: Path, tmp_path: Path) -> None:
    private = PrivateRedis(tmp_path)
    private.start()
    redis.Redis.from_url(private.url).config_set("requirepass", "secret")
    status, output = failed("gateway", "--port", str(free_port()), REDIS_URL=private.url)
    private.stop()
    assert status == 1
    assert output.startswith("error: Redis does not answer: ")
    assert output.count("\n") == 1


def test_a_redis_url_that_is_none_is_told(base_model_dir: Path) -> None:
    status, output = failed("gateway", "--port", str(free_port()), REDIS_URL="localhost")
    assert status == 2
    assert output.startswith("error: REDIS_URL: ")
    status, output = failed("gateway", "--port", str(free_port()))
    assert status == 1
    assert output.startswith("error: REDIS_URL is not set")


def test_a_setting_that_is_none_is_named(tmp_path: Path) -> None:
    status, output = failed("gateway", SOTTO_MAX_SESSIONS="many", REDIS_URL="redis://127.0.0.1:1")
    assert status == 2
    assert output.startswith("error: SOTTO_MAX_SESSIONS: ")
    assert output.count("\n") == 1
