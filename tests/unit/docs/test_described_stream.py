"""A real stream says nothing that /asyncapi.yaml does not describe."""

import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from service.audio.container import read_file
from tests.unit.docs.conftest import CheckMessage

RECORDING = Path(__file__).parents[2] / "data" / "human-en-vm-nobox.flac"
CUT = 40_000  # bytes sent before the connection is lost

Event = dict[str, Any]


@pytest.mark.slow
async def test_every_event_of_a_resumed_stream_is_described(live_server: str, check_message: CheckMessage) -> None:
    address = live_server.replace("http", "ws") + "/v1/stream"
    with RECORDING.open("rb") as source:
        audio = b"".join(pcm.tobytes() for pcm in read_file(source, max_seconds=60))
    async with connect(address, proxy=None) as socket:
        await say(socket, {"type": "start", "language": "en", "keywords": ["mailbox", ""]})
        await socket.send(audio[:CUT])
        await say(socket, {"type": "configure", "endpointing": {"silence_ms": 700}, "bias_strength": 0.5})
        await say(socket, {"type": "ping", "id": "still there"})
        events = await read_until(socket, "pong")
        socket.transport.abort()
    started = events[0]
    async with connect(address, proxy=None) as socket:
        resume = {name: started[name] for name in ("session", "resume_token")} | {"last_seq": events[-1]["seq"]}
        await say(socket, {"type": "resume"} | resume)
        events += await read_until(socket, "resumed")
        await socket.send(audio[events[-1]["bytes"] :])
        await say(socket, {"type": "flush"})
        await say(socket, {"type": "finish"})
        events += await read_until(socket, "finished")
    for event in events:
        check_message(event["type"], event)
    sequence = [event["seq"] for event in events]
    assert sequence == sorted(set(sequence))
    expected = {
        "started",
        "ack",
        "speech_started",
        "speech_ended",
        "configured",
        "pong",
        "resumed",
        "final",
        "finished",
    }
    assert expected <= {event["type"] for event in events}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("opening", "code"),
    [
        ({"type": "start", "format": {"encoding": "vorbis"}}, "invalid_request"),
        ({"type": "start", "model": "no-such-model"}, "model_not_found"),
        ({"type": "resume", "session": "s_0", "resume_token": "x", "last_seq": 0}, "not_found"),
    ],
)
async def test_every_refusal_is_described(
    live_server: str, check_message: CheckMessage, asyncapi: dict[str, Any], opening: Event, code: str
) -> None:
    async with connect(live_server.replace("http", "ws") + "/v1/stream", proxy=None) as socket:
        await say(socket, opening)
        [error] = await read_until(socket, "error")
        await socket.wait_closed()
    check_message("error", error)
    assert error["code"] == code
    closes = {entry["code"]: entry["close"] for entry in asyncapi["channels"]["stream"]["x-error-codes"]}
    assert socket.close_code == closes[code]


async def say(socket: ClientConnection, message: Event) -> None:
    await socket.send(json.dumps(message))


async def read_until(socket: ClientConnection, last: str) -> list[Event]:
    events: list[Event] = []
    while not events or events[-1]["type"] != last:
        events.append(json.loads(await socket.recv()))
    return events
