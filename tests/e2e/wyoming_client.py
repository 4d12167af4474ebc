"""A gateway's Wyoming listener as clients use it: the package's own client, and bytes where that would be too tidy."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event

from service.audio.pcm import Int16
from service.audio.stream_decoder import StreamFormat
from service.transcript import SAMPLE_RATE
from tests.e2e.conftest import Gateways
from tests.stack import free_port
from tests.unit.audio import encoded

HOST = "127.0.0.1"
WAIT_S = 60.0
CHUNK_S = 0.064  # as Home Assistant's microphones have it


@contextlib.contextmanager
def listening(gateways: Gateways, **environment: str) -> Iterator[int]:
    """The port of a Wyoming listener, for the length of a block."""
    port = free_port()
    with gateways(SOTTO_WYOMING_PORT=str(port), **environment):
        yield port


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[AsyncTcpClient]:
    async with AsyncTcpClient(HOST, port, connect_timeout=WAIT_S, read_timeout=WAIT_S) as client:
        yield client


def pcm(samples: Int16, rate: int, width: int, channels: int) -> bytes:
    """16 kHz speech as interleaved samples of `width` bytes."""
    (narrow,) = encoded.stream(samples, StreamFormat("pcm_s16le", rate, channels))
    wide = np.frombuffer(narrow, "<i2")
    if width == 1:
        return ((wide >> 8) + 128).astype(np.uint8).tobytes()
    padded = np.zeros((len(wide), width), np.uint8)
    padded[:, width - 2 :] = wide.view(np.uint8).reshape(-1, 2)
    return padded.tobytes()


async def speak(
    client: AsyncTcpClient,
    audio: bytes,
    *,
    rate: int = SAMPLE_RATE,
    width: int = 2,
    channels: int = 1,
    pace: float | None = None,
) -> None:
    """A recording from audio-start up to audio-stop; `pace`: times real time, None for at once."""
    await client.write_event(AudioStart(rate, width, channels).event())
    size = round(rate * CHUNK_S) * width * channels
    for at in range(0, len(audio), size):
        await client.write_event(AudioChunk(rate, width, channels, audio[at : at + size]).event())
        if pace:
            await asyncio.sleep(CHUNK_S / pace)
    await client.write_event(AudioStop().event())


async def answer(client: AsyncTcpClient) -> list[Event]:
    """Everything up to the end of the transcript."""
    events: list[Event] = []
    while not events or events[-1].type != "transcript-stop":
        event = await client.read_event()
        assert event, events
        assert event.type != "error", event.data
        events.append(event)
    return events


async def transcript(client: AsyncTcpClient, audio: bytes, *, wanted: Transcribe, **speaking: Any) -> dict[str, Any]:
    """The data of the one `transcript` that a recording is answered with."""
    await client.write_event(wanted.event())
    await speak(client, audio, **speaking)
    (found,) = [event.data for event in await answer(client) if event.type == "transcript"]
    return found


async def refusal(client: AsyncTcpClient) -> Error:
    """The error that is the next event, behind which the connection ends."""
    event = await client.read_event()
    while event and event.type == "transcript-start":
        event = await client.read_event()
    assert event
    assert Error.is_type(event.type), event
    assert await client.read_event() is None
    return Error.from_event(event)
