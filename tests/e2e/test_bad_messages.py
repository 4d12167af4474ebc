"""Text for audio, audio for text, and fields that are none: one error that names the field, then the right close."""

import contextlib
import json
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from service.gateway.limits import MAX_LIST_BYTES
from tests.e2e.conftest import Gateways, Neighbour
from tests.e2e.raw_stream import RawStream, connected, started
from tests.e2e.recordings import samples

OPENINGS: dict[str, tuple[Any, str, str]] = {
    "cut-off JSON": ('{"type": "start"', "invalid_request", "message"),
    "no JSON": ("hello", "invalid_request", "message"),
    "a list": ("[]", "invalid_request", "message"),
    "an empty frame": ("", "invalid_request", "message"),
    "no type": ({}, "invalid_request", "type"),
    "an unknown type": ({"type": "begin"}, "invalid_request", "type"),
    "a type that is none": ({"type": ["start"]}, "invalid_request", "type"),
    "a command before start": ({"type": "finish"}, "invalid_request", "type"),
    "audio before start": (b"\0\0" * 160, "invalid_request", "type"),
    "an unknown field": ({"type": "start", "lang": "en"}, "invalid_request", "lang"),
    "an unknown encoding": ({"type": "start", "format": {"encoding": "vorbis"}}, "invalid_request", "format.encoding"),
    "too low a rate": ({"type": "start", "format": {"sample_rate": 4000}}, "invalid_request", "format.sample_rate"),
    "a rate in words": ({"type": "start", "format": {"sample_rate": "16k"}}, "invalid_request", "format.sample_rate"),
    "no channels": ({"type": "start", "format": {"channels": 0}}, "invalid_request", "format.channels"),
    "nine channels": ({"type": "start", "format": {"channels": 9}}, "invalid_request", "format.channels"),
    "a format that is none": ({"type": "start", "format": "wav"}, "invalid_request", "format"),
    "an unknown language": ({"type": "start", "language": "klingon"}, "invalid_request", "language"),
    "an unknown model": ({"type": "start", "model": "whisper-9"}, "model_not_found", "model"),
    "interim in words": ({"type": "start", "interim": "yes"}, "invalid_request", "interim"),
    "an unknown setting": ({"type": "start", "endpointing": {"vad": 1}}, "invalid_request", "endpointing.vad"),
    "a setting out of range": (
        {"type": "start", "endpointing": {"silence_ms": 5}},
        "invalid_request",
        "endpointing.silence_ms",
    ),
    "a setting in words": (
        {"type": "start", "endpointing": {"threshold": "high"}},
        "invalid_request",
        "endpointing.threshold",
    ),
    "a resume without a token": (
        {"type": "resume", "session": "s_0", "last_seq": 1},
        "invalid_request",
        "resume_token",
    ),
    "a negative last_seq": (
        {"type": "resume", "session": "s_0", "resume_token": "x", "last_seq": -1},
        "invalid_request",
        "last_seq",
    ),
}
LATER: dict[str, tuple[Any, str, str]] = {
    "no JSON": ("flush", "invalid_request", "message"),
    "a second start": ({"type": "start"}, "invalid_request", "type"),
    "an unknown command": ({"type": "stop"}, "invalid_request", "type"),
    "an unknown field": ({"type": "finish", "now": True}, "invalid_request", "now"),
    "an unknown setting": ({"type": "configure", "endpointing": {"x": 1}}, "invalid_request", "endpointing.x"),
    "an unknown language": ({"type": "configure", "language": "klingon"}, "invalid_request", "language"),
    "a format": ({"type": "configure", "format": {}}, "invalid_request", "format"),
    "an id that is none": ({"type": "ping", "id": [1]}, "invalid_request", "id"),
    "an id beyond counting": ({"type": "ping", "id": 2**64}, "invalid_request", "id"),
    "an id like a novel": ({"type": "ping", "id": "x" * 10_000}, "invalid_request", "id"),
}


def frame(message: Any) -> str | bytes:
    return message if isinstance(message, str | bytes) else json.dumps(message)


async def refusal(stream: RawStream) -> tuple[str, str | None, int | None]:
    """Code and field of the one error, the last event, and the close code."""
    events = await stream.to_the_end()
    errors = [event for event in events if event["type"] == "error"]
    assert errors == events[-1:]
    assert errors[0]["message"]
    return errors[0]["code"], errors[0]["field"], stream.close_code


async def test_openings_that_are_none_are_refused_beside_a_healthy_stream(
    live_server: str, neighbour: Neighbour
) -> None:
    async with neighbour():
        for what, (message, code, field) in OPENINGS.items():
            async with connected(live_server) as stream:
                await stream.socket.send(frame(message))
                assert await refusal(stream) == (code, field, 1008), what


async def test_later_messages_that_are_none_end_the_stream_beside_a_healthy_one(
    live_server: str, neighbour: Neighbour
) -> None:
    async with neighbour():
        for what, (message, code, field) in LATER.items():
            async with started(live_server) as stream:
                await stream.audio(samples("demo")[:16_000])
                await stream.socket.send(frame(message))
                assert await refusal(stream) == (code, field, 1008), what


@pytest.mark.parametrize("encoding", ["ogg_opus", "webm_opus", "aac_adts", "opus"])
async def test_bytes_that_are_not_what_the_format_says_end_the_stream(live_server: str, encoding: str) -> None:
    async with started(live_server, format={"encoding": encoding}) as stream:
        await stream.audio(np.random.default_rng(3).bytes(120_000), frame=6_000)
        assert await refusal(stream) == ("invalid_audio", "audio", 1008)


async def test_a_frame_over_the_limit_closes_the_connection(live_server: str, neighbour: Neighbour) -> None:
    async with neighbour(), started(live_server) as stream:
        with contextlib.suppress(ConnectionClosed):  # while it is still being sent
            await stream.socket.send(bytes(MAX_LIST_BYTES + 1))
        await stream.to_the_end()
        assert stream.close_code == 1009
        assert not stream.of("error")  # the frame is not even read


async def test_audio_after_finish_is_an_error(live_server: str) -> None:
    async with started(live_server) as stream:
        await stream.audio(samples("demo")[:80_000])
        await stream.say("finish")
        await stream.audio(samples("demo")[:1_600])
        assert await refusal(stream) == ("invalid_request", "audio", 1008)


async def test_a_client_that_stalls_is_told_and_closed(gateways: Gateways, neighbour: Neighbour) -> None:
    with gateways(SOTTO_IDLE_TIMEOUT_S="1") as url:
        async with neighbour():
            async with connected(url) as mute:
                assert await refusal(mute) == ("idle_timeout", None, 1008)
            async with started(url) as stalled:
                await stalled.audio(samples("demo")[:48_000])
                assert await refusal(stalled) == ("idle_timeout", None, 1008)
                assert stalled.of("ack")[-1]["bytes"] == 96_000  # what came before is safe
