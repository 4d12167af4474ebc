"""Clients that vanish, flood, break off or do not read: a healthy stream beside them must not notice."""

import asyncio
import signal
from collections.abc import Callable

import httpx
import numpy as np
import pytest
import redis

from service.transcript import SAMPLE_RATE
from tests.e2e import garbage, raw_socket
from tests.e2e.conftest import KEYS, Neighbour, until
from tests.e2e.raw_socket import BINARY, TEXT, frame, handshake
from tests.e2e.raw_stream import connected, started
from tests.e2e.recordings import samples
from tests.stack import Stack

SPEECH = samples("demo")[: 21 * 8_000]  # 10.5 s: two utterances and the silence behind them
MAX_UNDECODED_S = 60  # as docs/streaming.md has it
AT_ONCE = 8


def is_open(store: "redis.Redis", session: str) -> Callable[[], bool]:
    """Whether the session still counts as an open stream."""
    return lambda: store.zscore(KEYS.open_sessions(), session) is not None


def is_let_go(store: "redis.Redis", session: str) -> Callable[[], bool]:
    return lambda: store.zscore(KEYS.open_sessions(), session) is None


async def test_a_client_that_vanishes_mid_utterance_may_come_back(
    live_server: str, store: "redis.Redis", neighbour: Neighbour, healthy_texts: list[str]
) -> None:
    async with neighbour():
        async with started(live_server) as stream:
            await stream.audio(SPEECH[: 3 * SAMPLE_RATE])
            await stream.until("speech_started")
        session = stream.seen[0]
        await until(is_let_go(store, session["session"]))
        keys = list(store.scan_iter(match=f"sotto:{{{session['session']}}}:*"))
        assert keys
        assert all(store.ttl(key) > 0 for key in keys), "what nobody comes back for must expire"
        async with connected(live_server) as again:
            known = {name: session[name] for name in ("session", "resume_token")}
            await again.say("resume", **known, last_seq=stream.seen[-1]["seq"])
            safe = (await again.until("resumed"))["bytes"]
            assert 0 < safe <= 2 * 3 * SAMPLE_RATE
            await again.audio(SPEECH.tobytes()[safe:])
            await again.say("finish")
            await again.to_the_end()
        assert [final["text"] for final in again.of("final")] == healthy_texts


async def test_a_flood_is_held_back_and_gets_all_its_finals(
    live_stack: Stack, live_server: str, neighbour: Neighbour
) -> None:
    flood = np.tile(samples("demo"), 3)
    _, worker, *_ = live_stack.processes
    async with neighbour(), started(live_server, interim=False) as stream:
        worker.signal(signal.SIGSTOP)  # so that the flood is faster, whatever this machine can do
        sending = asyncio.create_task(stream.audio(flood, frame=32_000))
        try:
            while (await stream.until("ack"))["bytes"] < MAX_UNDECODED_S * 2 * SAMPLE_RATE:
                pass
        finally:
            worker.signal(signal.SIGCONT)
        await sending
        await stream.say("finish")
        events = await stream.to_the_end()
    assert events[-1]["type"] == "finished"
    assert stream.of("ack")[-1]["bytes"] == 2 * len(flood)
    assert [final["id"] for final in stream.of("final")] == [start["id"] for start in stream.of("speech_started")]
    waiting: dict[str, float] = {}
    for event in events:
        if event["type"] == "speech_started":
            waiting[event["id"]] = event["start"]
        elif event["type"] == "final":
            del waiting[event["id"]]
        elif event["type"] == "ack" and waiting:
            assert event["bytes"] / 2 / SAMPLE_RATE - min(waiting.values()) <= MAX_UNDECODED_S + 2


@pytest.mark.parametrize(
    "last_words",
    [
        frame(BINARY, bytes(6_400))[:3_000],
        frame(TEXT, b'{"type": "finish"}')[:9],
        frame(BINARY, bytes(6_400))[:1],
        b"\x82\xff" + (2**62).to_bytes(8, "big") + bytes(100),
        b"\xf2\x80\0\0\0\0",
        b"\x82\x10" + bytes(16),
        b"\x81\x84\0\0\0\0\xff\xfe\xfd\xfc",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=[
        "half a frame",
        "half a text",
        "one byte",
        "a frame of 4 EiB",
        "reserved bits",
        "no mask",
        "no UTF-8",
        "another protocol",
    ],
)
async def test_a_client_that_sends_half_a_frame_harms_nobody(
    live_server: str, store: "redis.Redis", last_words: bytes
) -> None:
    async with started(live_server, interim=False) as healthy:
        await healthy.audio(SPEECH[: 2 * SAMPLE_RATE])
        async with raw_socket.started(live_server) as (session, writer):
            writer.write(frame(BINARY, SPEECH[:SAMPLE_RATE].tobytes()) + last_words)
            await writer.drain()
        await until(is_let_go(store, session))
        await healthy.say("ping", id="well")
        assert (await healthy.until("pong"))["id"] == "well"


async def test_half_frames_one_after_another_beside_a_healthy_stream(
    live_server: str, store: "redis.Redis", neighbour: Neighbour
) -> None:
    greeting = handshake("sotto")
    async with neighbour():
        for cut in (1, 20, len(greeting) - 2, len(greeting)):
            async with raw_socket.connection(live_server) as (_, writer):
                writer.write(greeting[:cut])
                await writer.drain()
        for size in (1, 2, 5, 100, 5_000):
            async with raw_socket.started(live_server) as (session, writer):
                writer.write(frame(BINARY, SPEECH[:SAMPLE_RATE].tobytes()) + frame(BINARY, bytes(6_400))[:size])
                await writer.drain()
            await until(is_let_go(store, session))


async def test_a_client_that_does_not_read_harms_nobody(
    live_server: str, store: "redis.Redis", neighbour: Neighbour
) -> None:
    ping = frame(TEXT, b'{"type": "ping", "id": "' + b"x" * 90 + b'"}')
    async with raw_socket.started(live_server) as (session, writer), neighbour():
        for at in range(0, len(SPEECH), SAMPLE_RATE // 5):
            writer.write(frame(BINARY, SPEECH[at : at + SAMPLE_RATE // 5].tobytes()) + ping * 20)
            await writer.drain()
        assert is_open(store, session)()
    await until(is_let_go(store, session))


@pytest.mark.parametrize("stream", ["false", "true"])
async def test_garbage_uploads_are_refused_one_by_one(live_server: str, neighbour: Neighbour, stream: str) -> None:
    uploads = garbage.uploads()
    assert len(uploads) >= 50
    turn = asyncio.Semaphore(AT_ONCE)
    async with neighbour(), httpx.AsyncClient(base_url=live_server, timeout=60) as client:

        async def refused(name: str, upload: bytes) -> str | None:
            """What is wrong with the answer; None when nothing is."""
            async with turn:
                files, form = {"file": (name, upload)}, {"stream": stream, "language": "en"}
                reply = await client.post("/v1/audio/transcriptions", files=files, data=form)
            if 400 <= reply.status_code < 500 and reply.json()["error"]["param"] == "file":
                return None
            return f"{name}: {reply.status_code} {reply.text[:200]}"

        answers = await asyncio.gather(*(refused(name, upload) for name, upload in uploads.items()))
    assert [wrong for wrong in answers if wrong] == []
