"""Wyoming clients that are wrong, hostile, silent or gone, and a listener that stops: it costs nobody else anything."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest
import redis
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.ping import Ping

from service.transcript import SAMPLE_RATE
from tests.e2e.conftest import KEYS, Gateways, Neighbour, until
from tests.e2e.raw_stream import started
from tests.e2e.recordings import manifest, samples
from tests.e2e.wyoming_client import HOST, answer, connected, listening, pcm, refusal, speak, transcript
from tests.stack import Stack, free_port

CLIP = "human-en-vm-newpassword"
AUDIO = pcm(samples(CLIP), SAMPLE_RATE, 2, 1)
START = AudioStart(SAMPLE_RATE, 2, 1).event()
ENGLISH = Transcribe(language="en")
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def port(gateways: Gateways) -> Iterator[int]:
    with listening(gateways, SOTTO_IDLE_TIMEOUT_S="3") as port:
        yield port


def line(**header: Any) -> bytes:
    return json.dumps(header).encode() + b"\n"


@asynccontextmanager
async def recording(port: int, store: "redis.Redis") -> AsyncIterator[tuple[AsyncTcpClient, str]]:
    """A connection on which a second was spoken, and its session."""
    before = open_sessions(store)
    async with connected(port) as client:
        await client.write_event(ENGLISH.event())
        await client.write_event(START)
        event = await client.read_event()
        assert event
        assert event.type == "transcript-start"
        await client.write_event(AudioChunk(SAMPLE_RATE, 2, 1, AUDIO[: 2 * SAMPLE_RATE]).event())
        (session,) = open_sessions(store) - before
        yield client, session.decode()


def open_sessions(store: "redis.Redis") -> set[bytes]:
    return set(store.zrange(KEYS.open_sessions(), 0, -1))


def is_gone(store: "redis.Redis", session: str) -> Callable[[], bool]:
    """Whether nothing is left of the session."""
    return lambda: session.encode() not in open_sessions(store) and not [*store.scan_iter(f"sotto:{{{session}}}:*")]


def vanish(client: AsyncTcpClient) -> None:
    """Cuts the connection without a word."""
    assert client._writer
    client._writer.transport.abort()
    client._writer = None


@pytest.mark.parametrize(
    ("said", "code", "text"),
    [
        ([AudioChunk(16_000, 2, 1, bytes(640)).event()], "invalid_request", "type: audio-chunk before audio-start"),
        ([AudioStop().event()], "invalid_request", "type: audio-stop before audio-start"),
        ([AudioStart(16_000, 5, 1).event()], "invalid_request", "audio-start.width: "),
        ([AudioStart(16_000, 0, 1).event()], "invalid_request", "audio-start.width: "),
        ([AudioStart(96_000, 2, 1).event()], "invalid_request", "sample_rate must be 8000 to 48000 Hz"),
        ([AudioStart(16_000, 2, 100).event()], "invalid_request", "channels must be 1 to "),
        ([Event("audio-start", {"rate": "16000", "width": 2, "channels": 1})], "invalid_request", "audio-start.rate: "),
        ([Event("audio-start", {"rate": 16_000, "width": 2})], "invalid_request", "audio-start.channels: "),
        ([Transcribe(language="tlh").event(), START], "invalid_request", "language: 'tlh' is not a language"),
        ([Transcribe(name="whisper-9").event(), START], "model_not_found", "model: no worker serves"),
        ([Event("transcribe", {"language": 7})], "invalid_request", "transcribe.language: "),
        ([Transcribe(transcript_names=["Loewe"] * 10_001).event(), START], "too_many_entries", "10,001 entries"),
        ([START, START], "invalid_request", "type: audio-start before the audio-stop"),
        ([START, ENGLISH.event()], "invalid_request", "type: transcribe before the audio-stop"),
        ([START, AudioChunk(8_000, 2, 1, bytes(640)).event()], "invalid_request", "audio-chunk: rate, width"),
    ],
)
async def test_bad_input_is_named_and_ends_the_connection(
    port: int, store: "redis.Redis", said: list[Event], code: str, text: str
) -> None:
    before = {*open_sessions(store), *store.scan_iter("sotto:{s_*")}
    async with connected(port) as client:
        for event in said:
            await client.write_event(event)
        error = await refusal(client)
    assert error.code == code
    assert text in error.text
    await until(lambda: before >= {*open_sessions(store), *store.scan_iter("sotto:{s_*")})


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (line(type="audio-chunk", payload_length=2**62), "payload_length: must be 0 to 4194304"),
        (line(type="audio-chunk", payload_length=4 * MIB + 1), "payload_length: "),
        (line(type="transcribe", data_length=2**40), "data_length: "),
        (line(type="transcribe", data_length=-1), "data_length: "),
        (line(type="transcribe", data_length="9"), "data_length: "),
        (line(type="transcribe", data_length=9) + b"[1, 2, 3]", "data: not a JSON object"),
        (line(type="transcribe", data_length=2 * MIB) + b"[" * (2 * MIB), "data: not JSON"),
        (line(type="transcribe", data=[1]), "data: "),
        (line(type=["describe"]), "type: "),
        (b'{"type": "describe"\n', "header: not JSON"),
        (b"[" * 60_000 + b"\n", "header: not JSON"),
        (b"3\n", "header: not a JSON object"),
        (b"\n", "header: not JSON"),
        (b"\xff\xfe\xfd\xfc\n", "header: not JSON"),
        (bytes(200_000), "header: the header of an event has at most 65536 bytes"),
        (b"GET / HTTP/1.1\r\nHost: sotto\r\n\r\n", "header: not JSON"),
        (bytes(range(256)) * 64, "header: not JSON"),
    ],
)
async def test_garbage_is_refused(port: int, sent: bytes, field: str) -> None:
    async with connected(port) as client:
        assert client._writer
        client._writer.write(sent)
        error = await refusal(client)
    assert error.code == "invalid_request"
    assert error.text.startswith(field)


async def test_a_hostile_length_takes_no_memory(gateways: Gateways, live_stack: Stack, neighbour: Neighbour) -> None:
    with listening(gateways) as port:
        (process,) = (
            each.pid for each in psutil.net_connections("tcp") if each.laddr.port == port and each.status == "LISTEN"
        )
        before = psutil.Process(process).memory_info().rss
        async with neighbour():
            for _ in range(20):
                async with connected(port) as client:
                    assert client._writer
                    client._writer.write(line(type="audio-chunk", payload_length=2**40) + bytes(MIB))
                    assert (await refusal(client)).text.startswith("payload_length: ")
        assert psutil.Process(process).memory_info().rss - before < 64 * MIB


@pytest.mark.parametrize("last", [b"", b'{"type": "aud', line(type="audio-chunk", payload_length=6_400) + bytes(99)])
async def test_a_client_that_vanishes_leaves_nothing_behind(port: int, store: "redis.Redis", last: bytes) -> None:
    async with recording(port, store) as (client, session):
        assert not is_gone(store, session)()
        assert client._writer
        client._writer.write(last)
        await client._writer.drain()
        vanish(client)
        await until(is_gone(store, session))


async def test_a_client_that_vanishes_before_its_transcript_leaves_nothing_behind(
    port: int, live_stack: Stack, store: "redis.Redis"
) -> None:
    _, worker, *_ = live_stack.processes
    worker.signal(signal.SIGSTOP)  # so that the transcript is still to come
    try:
        async with recording(port, store) as (client, session):
            await client.write_event(AudioStop().event())
        await until(is_gone(store, session))
    finally:
        worker.signal(signal.SIGCONT)


async def test_vanishing_clients_beside_a_healthy_stream(port: int, store: "redis.Redis", neighbour: Neighbour) -> None:
    async with neighbour():
        for _ in range(5):
            async with recording(port, store) as (client, session):
                vanish(client)
            await until(is_gone(store, session))
        async with connected(port) as client:
            said = await transcript(client, AUDIO, wanted=ENGLISH)
    assert "password" in said["text"]


async def test_a_silent_client_is_told_and_closed(port: int, store: "redis.Redis") -> None:
    async with connected(port) as silent, recording(port, store) as (spoke, session):
        for client in (silent, spoke):
            error = await refusal(client)
            assert (error.code, error.text) == ("idle_timeout", "no event came for 3 s")
        await until(is_gone(store, session))


async def test_recordings_count_among_the_open_sessions(gateways: Gateways, live_server: str) -> None:
    async with started(live_server):  # before the gateway's first look, which it need not repeat for a second
        with listening(gateways, SOTTO_MAX_SESSIONS="1") as port:
            async with connected(port) as client:
                await client.write_event(START)
                assert (await refusal(client)).code == "at_capacity"


async def test_without_a_worker_nothing_is_described(gateways: Gateways) -> None:
    with listening(gateways, SOTTO_MODEL="tiny") as port:
        async with connected(port) as client:
            await client.write_event(Event("describe"))
            error = await refusal(client)
    assert (error.code, "tiny" in error.text) == ("no_workers", True)


async def test_a_stopping_gateway_lets_recordings_come_to_their_end(
    live_stack: Stack, live_server: str, store: "redis.Redis"
) -> None:
    port = free_port()
    process, _ = live_stack.gateway(SOTTO_WYOMING_PORT=str(port))
    async with connected(port) as idle, recording(port, store) as (client, _):
        await idle.write_event(Ping().event())
        assert await idle.read_event()
        process.signal(signal.SIGTERM)
        assert await idle.read_event() is None
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, port)
        rest = AUDIO[2 * SAMPLE_RATE :]
        for at in range(0, len(rest), 6_400):
            await client.write_event(AudioChunk(SAMPLE_RATE, 2, 1, rest[at : at + 6_400]).event())
        await client.write_event(AudioStop().event())
        *_, whole, _ = await answer(client)
        assert "password" in whole.data["text"]
        assert await client.read_event() is None
    assert process.ended() == 0
    assert not [line for line in process.log_lines() if line["level"] == "ERROR"]


async def test_a_recording_that_outlasts_the_drain_is_given_up(live_stack: Stack, store: "redis.Redis") -> None:
    port = free_port()
    process, _ = live_stack.gateway(SOTTO_WYOMING_PORT=str(port), SOTTO_DRAIN_S="1")
    async with recording(port, store) as (client, session):
        process.signal(signal.SIGTERM)
        while await client.read_event():
            pass
    assert process.ended() == 0
    assert is_gone(store, session)()
    assert not [line for line in process.log_lines() if line["level"] == "ERROR"]


@pytest.mark.parametrize(
    ("environment", "warned"), [({}, 0), ({"SOTTO_API_KEYS": "k"}, 1), ({"SOTTO_WYOMING_HOST": "0.0.0.0"}, 1)]
)
def test_an_open_door_is_logged(live_stack: Stack, environment: dict[str, str], warned: int) -> None:
    port = free_port()
    process, _ = live_stack.gateway(SOTTO_WYOMING_PORT=str(port), **environment)
    process.kill()
    warnings = [line for line in process.log_lines() if line["level"] == "WARNING"]
    assert len(warnings) == warned
    assert all("asks for no API key" in str(warning["message"]) for warning in warnings)
    assert all(warning["port"] == port for warning in warnings)


def test_a_port_that_is_taken_is_reported(live_stack: Stack, port: int) -> None:
    with pytest.raises(AssertionError, match="did not answer"):
        live_stack.gateway(SOTTO_WYOMING_PORT=str(port))
    logged = (live_stack.folder / f"{len(live_stack.processes) - 1}-gateway.log").read_text()
    assert logged.startswith(f"error: cannot listen on {HOST}:{port}: ")


async def test_a_failed_recording_harms_no_later_one(port: int) -> None:
    async with connected(port) as client:
        await client.write_event(Transcribe(language="tlh").event())
        await speak(client, AUDIO[:6_400])
        await refusal(client)
    async with connected(port) as client:
        said = await transcript(client, AUDIO, wanted=ENGLISH)
    assert "password" in said["text"]
    assert said["language"] == manifest()[CLIP]["language"]
