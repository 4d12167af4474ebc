"""A chat endpoint on loopback that answers as a test says: a real server, so that the client's wire is tested."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` is sent as it is; `cut`: the connection ends that many bytes before the length that was announced."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int = 0
    hold: threading.Event | None = None


def says(text: str, *, finish: str = "stop", usage: tuple[int, int] | None = (100, 20)) -> Reply:
    """An answer as OpenAI's reference has it."""
    value: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}],
    }
    if usage:
        value["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    return Reply(body=json.dumps(value).encode())


def fails(status: int, message: str = "no", *, code: str = "", **headers: str) -> Reply:
    body = json.dumps({"error": {"message": message, "code": code, "type": "error"}}).encode()
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class ChatServer:
    """`requests` and `headers` are what came, in order; `most_at_once` how many were under way together."""

    url: str = ""
    requests: list[Body] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    under_way: int = 0
    most_at_once: int = 0

    @property
    def questions(self) -> list[str]:
        return [request["messages"][-1]["content"] for request in self.requests]


@contextmanager
def chat_server(answer: Callable[[Body], Reply] | Sequence[Reply]) -> Iterator[ChatServer]:
    """`answer`: from a request's body, or one reply after another, the last one again and again."""
    state = ChatServer()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                number = len(state.requests)
                state.requests.append(body)
                state.headers.append(dict(self.headers))
                state.under_way += 1
                state.most_at_once = max(state.most_at_once, state.under_way)
            reply = answer(body) if callable(answer) else answer[min(number, len(answer) - 1)]
            if reply.hold:
                reply.hold.wait(30)
            with lock:
                state.under_way -= 1
            try:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body[: len(reply.body) - reply.cut])
            except (BrokenPipeError, ConnectionResetError):
                return  # the client gave up, as the test wants
            self.close_connection = bool(reply.cut)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class FakeClock:
    """Waits take no time, and are remembered."""

    def __init__(self) -> None:
        self.time = 0.0
        self.waits: list[float] = []
        self._lock = threading.Lock()

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        with self._lock:
            self.waits.append(seconds)
            self.time += seconds
