"""A local HTTP server with prepared answers, and the client by each of its transports."""

import functools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.unit.client.both_clients import TRANSPORTS, Ask


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answers:
    """What the server says next, and what it was asked. Of several `bodies` each answers once, the last for ever."""

    url: str = ""
    status: int = 200
    bodies: list[str] = field(default_factory=lambda: [""])
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def say(self, *bodies: str) -> None:
        self.bodies = list(bodies)

    def next_body(self) -> bytes:
        return (self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0]).encode()


@pytest.fixture
def answers() -> Iterator[Answers]:
    prepared = Answers()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            prepared.asked.append(Asked(self.command, self.path, dict(self.headers), self.rfile.read(size)))
            body = prepared.next_body()
            self.send_response(prepared.status)
            for name, value in prepared.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        prepared.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield prepared
        server.shutdown()


@pytest.fixture(params=TRANSPORTS)
def ask(request: pytest.FixtureRequest, answers: Answers) -> Ask:
    """Calls a method of the client by its name, on the server of `answers`."""
    return functools.partial(TRANSPORTS[request.param], answers.url)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "note.wav"
    path.write_bytes(b"RIFF-and-so-on")
    return path
