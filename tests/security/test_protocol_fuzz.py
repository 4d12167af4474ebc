"""State machines of all sockets: a valid beginning, then messages that are a little wrong.

Whatever comes, the connection goes on or ends with a named error and a code, nothing of it stays in Redis, and a
healthy stream beside it hears nothing of it.
"""

import asyncio
import base64
import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from service import errors
from tests.e2e.conftest import KEYS, Gateways, Neighbour, until
from tests.e2e.recordings import samples
from tests.e2e.wyoming_client import HOST, listening
from tests.security.mutations import Frame, bytes_like, messages_like
from tests.stack import Stack

ANSWER_S = 60.0
CODES = {1000, 1003, 1007, 1008, 1009}  # nothing that says it was the server's fault
NAMED = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BadRequest)}
SPEECH = samples("human-en-conf-invalid").tobytes()[:9_600]
BIAS = {"keywords": [{"phrase": "Loewe", "boost": 1.5}, "Ana"], "bias_lists": []}
ENDING = "the-end"

fuzzed = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Spoken:
    """A protocol: what is said in order, how one asks whether somebody is there yet, and what says so."""

    path: str
    said: tuple[dict[str, Any] | bytes, ...]
    ending: str
    is_end: Callable[[dict[str, Any]], bool]
    code_of: Callable[[dict[str, Any]], str | None]


NATIVE = Spoken(
    "/v1/stream",
    (
        {"type": "start", "format": {"encoding": "pcm_s16le", "sample_rate": 16_000}, "language": "en", **BIAS},
        SPEECH,
        {"type": "configure", "language": "en", "endpointing": {"silence_ms": 500}, "bias_strength": 1.0, **BIAS},
        {"type": "ping", "id": "1"},
        {"type": "flush"},
    ),
    '{"type": "finish"}',
    lambda event: event["type"] == "finished",
    lambda event: event["code"] if event["type"] == "error" else None,
)
LISTEN = Spoken(
    "/v1/listen?encoding=linear16&sample_rate=16000&interim_results=true",
    (
        SPEECH,
        {"type": "KeepAlive"},
        {"type": "Configure", "keyterms": ["Loewe"], "features": {"punctuate": True}},
        {"type": "Finalize", "channel": 0},
    ),
    '{"type": "CloseStream"}',
    lambda event: event["type"] == "Metadata",
    lambda event: None,  # an Error of Deepgram's says "SchemaError", and the stream goes on
)
REALTIME = Spoken(
    "/v1/realtime?intent=transcription",
    (
        {
            "type": "session.update",
            "event_id": "1",
            "session": {
                "type": "transcription",
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": 24_000},
                        "transcription": {"model": "base", "language": "en", "prompt": "", "keywords": ["Ana"]},
                        "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 500},
                    }
                },
            },
        },
        {"type": "input_audio_buffer.append", "audio": base64.b64encode(SPEECH).decode()},
        {"type": "input_audio_buffer.commit"},
        {"type": "input_audio_buffer.clear"},
    ),
    json.dumps({"type": "nothing", "event_id": ENDING}),
    lambda event: event["type"] == "error" and event["error"]["event_id"] == ENDING,
    lambda event: None,  # codes of OpenAI's, and the session goes on
)


@st.composite
def conversations(draw: st.DrawFn, spoken: Spoken) -> list[Frame]:
    known = draw(st.integers(0, len(spoken.said)))
    frames: list[Frame] = [frame if isinstance(frame, bytes) else json.dumps(frame) for frame in spoken.said[:known]]
    for _ in range(draw(st.integers(1, 3))):
        other = draw(st.sampled_from(spoken.said))
        frames.append(draw(bytes_like(other) if isinstance(other, bytes) else messages_like(other)))
    return frames


def heard(stream: ClientConnection) -> Iterator[dict[str, Any]]:
    """All that the server says, until it closes."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            yield json.loads(stream.recv(ANSWER_S))


def converse(url: str, spoken: Spoken, frames: list[Frame]) -> None:
    """Says it all, and fails unless the server goes on or tells why it does not."""
    told: list[str] = []
    with connect(url.replace("http", "ws", 1) + spoken.path, max_size=None, proxy=None) as stream:
        with contextlib.suppress(ConnectionClosed):
            for frame in (*frames, spoken.ending):
                stream.send(frame)
        for event in heard(stream):
            if spoken.is_end(event):
                return
            if code := spoken.code_of(event):
                told.append(code)
    assert stream.close_code in CODES, f"closed with {stream.close_code} {stream.close_reason}"
    assert set(told) <= NAMED
    assert told or spoken is not NATIVE


@pytest.mark.parametrize("spoken", [NATIVE, LISTEN, REALTIME], ids=lambda spoken: spoken.path.partition("?")[0])
async def test_a_socket_answers_damaged_messages_beside_a_healthy_stream(
    live_stack: Stack, live_server: str, store: "redis.Redis", neighbour: Neighbour, spoken: Spoken
) -> None:
    failures = len(failures_of(live_stack))

    @fuzzed
    @given(conversations(spoken))
    def fuzz(frames: list[Frame]) -> None:
        converse(live_server, spoken, frames)

    async with neighbour():
        await asyncio.to_thread(fuzz)
    await until(lambda: not store.zcard(KEYS.open_sessions()))
    assert failures_of(live_stack)[failures:] == []
    lasting = [key for key in store.scan_iter("sotto:{s_*") if store.ttl(key) < 0]
    assert lasting == [], "what nobody comes back for must expire"


def failures_of(stack: Stack) -> list[dict[str, object]]:
    """What gateways logged as their own fault."""
    lines = (line for process in stack.processes for line in process.log_lines())
    return [line for line in lines if line.get("level") in ("ERROR", "CRITICAL") and line.get("role") == "gateway"]


@pytest.fixture(scope="module")
def wyoming_port(gateways: Gateways) -> Iterator[int]:
    with listening(gateways) as port:
        yield port


WYOMING: tuple[dict[str, Any], ...] = (
    {"type": "describe"},
    {"type": "ping", "data": {"text": "x"}},
    {"type": "transcribe", "data": {"language": "en", "transcript_names": ["Loewe"]}},
    {"type": "audio-start", "data": {"rate": 16_000, "width": 2, "channels": 1}},
    {"type": "audio-chunk", "data": {"rate": 16_000, "width": 2, "channels": 1}, "payload_length": 640},
    {"type": "audio-stop"},
)


@st.composite
def events(draw: st.DrawFn) -> bytes:
    known = draw(st.integers(0, len(WYOMING)))
    lines = [json.dumps(event).encode() + b"\n" + bytes(event.get("payload_length", 0)) for event in WYOMING[:known]]
    for _ in range(draw(st.integers(1, 3))):
        frame = draw(messages_like(draw(st.sampled_from(WYOMING))))
        lines.append((frame.encode(errors="surrogatepass") if isinstance(frame, str) else frame) + b"\n")
    return b"".join(lines)


def test_wyoming_answers_damaged_events_or_says_what_is_wrong(
    live_stack: Stack, store: "redis.Redis", wyoming_port: int
) -> None:
    failures = len(failures_of(live_stack))

    @fuzzed
    @given(events())
    def fuzz(said: bytes) -> None:
        with socket.create_connection((HOST, wyoming_port), timeout=ANSWER_S) as client:
            client.sendall(said + json.dumps({"type": "ping", "data": {"text": ENDING}}).encode() + b"\n")
            client.shutdown(socket.SHUT_WR)
            while client.recv(65_536):
                pass  # it ends: the listener neither hangs nor resets

    fuzz()
    asyncio.run(until(lambda: not store.zcard(KEYS.open_sessions())))
    assert failures_of(live_stack)[failures:] == []
