"""A customer's web server, for webhooks."""

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True)
class Call:
    path: str
    headers: Message
    body: bytes


class Hook:
    """Keeps the calls it gets; answers with `statuses` while there are any, then with 204."""

    def __init__(self) -> None:
        self.statuses: deque[int] = deque()
        self._calls: queue.Queue[Call] = queue.Queue()
        self._may_answer = threading.Event()
        self._may_answer.set()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook._calls.put(Call(self.path, self.headers, body))
                hook._may_answer.wait()
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self.send_response(hook.statuses.popleft() if hook.statuses else 204)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._may_answer.set()
        self._server.shutdown()
        self._server.server_close()

    def next_call(self) -> Call:
        return self._calls.get(timeout=60)

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Takes calls without answering any."""
        self._may_answer.clear()
        try:
            yield
        finally:
            self._may_answer.set()
