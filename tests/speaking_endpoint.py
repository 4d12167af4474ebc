"""A stand-in for a /audio/speech endpoint on loopback: syllables of a hummed tone, as many as the text has letters."""

import contextlib
import io
import json
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

RATE = 24_000
LETTERS_PER_S = 14.0


class SpeakingEndpoint:
    """`requests` are the bodies in order; `answers` are (status, headers, body) given first, before it speaks.

    After `mute_after` requests it answers no more until `unmuted` is set; `muted` tells that one waits.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.mute_after: int | None = None
        self.muted, self.unmuted = threading.Event(), threading.Event()

    def write_toml(self, path: Path, extra: str = "") -> Path:
        voices = 'voices = [{ name = "anna", language = "en", gender = "female" }, { name = "ben" }, { name = "cleo" }]'
        path.write_text(f'url = "{self.url}"\nmodel = "hum-1"\nlicence = "public domain"\n{voices}\n{extra}\n', "utf-8")
        return path


def hum(text: str, speed: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """As loud and as long as speech, and different for every text."""
    letters = max(sum(character.isalnum() for character in text), 1)
    times = np.arange(round(letters / LETTERS_PER_S / speed * RATE)) / RATE
    hz = 120.0 + sum(text.encode()) % 80
    return np.asarray(0.3 * np.sin(2 * np.pi * hz * times) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * times)), np.float32)


def wav(samples: np.ndarray[Any, Any]) -> bytes:
    whole = io.BytesIO()
    with wave.open(whole, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return whole.getvalue()


@contextmanager
def speaking_endpoint() -> Iterator[SpeakingEndpoint]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            endpoint.requests.append({"path": self.path, **body})
            endpoint.keys.append(self.headers.get("Authorization"))
            if endpoint.mute_after is not None and len(endpoint.requests) > endpoint.mute_after:
                endpoint.muted.set()
                endpoint.unmuted.wait()
            if endpoint.answers:
                status, headers, content = endpoint.answers.pop(0)
            else:
                status, headers, content = 200, {}, wav(hum(body["input"], body["speed"]))
            with contextlib.suppress(ConnectionError):  # of a client that was killed
                self._send(status, headers, content)

        def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint = SpeakingEndpoint(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.unmuted.set()
        server.shutdown()
        server.server_close()
        thread.join()
