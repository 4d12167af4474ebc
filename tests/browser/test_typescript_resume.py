"""The TypeScript client against a server that hangs up at awkward moments: the transcript is that of an undisturbed
run. The same moments as for the Python client."""

import random
from typing import Any

import pytest

from tests.browser.conftest import StreamFile
from tests.contract.protocol_server import Cut, Moment, ProtocolServer

AUDIO = random.Random(7).randbytes(32_100)
HASTY = {"answerMs": 5000, "reconnectMs": 5000}
AT_ONCE = {"answerMs": 5000, "reconnectMs": 0}
WITHOUT_AUDIO = {
    Moment.BEFORE_STARTED,
    Moment.STARTED_LOST,
    Moment.FLUSH_LOST,
    Moment.FINISH_LOST,
    Moment.FINISHED_LOST,
}


def texts(events: list[dict[str, Any]]) -> list[str]:
    return [event["text"] for event in events if event.get("type") == "final"]


async def undisturbed_texts(stream_file: StreamFile, **how: Any) -> list[str]:
    async with ProtocolServer().running() as url:
        return texts(await stream_file(AUDIO, url, patience=HASTY, **how))


@pytest.mark.parametrize("moment", Moment)
async def test_transcript_of_the_typescript_client_survives_a_disconnection(
    stream_file: StreamFile, moment: Moment
) -> None:
    cuts = [Cut(moment, 0 if moment in WITHOUT_AUDIO else 6400)]
    if moment is Moment.BEFORE_RESUMED:
        cuts = [Cut(Moment.AUDIO_LOST, 6400), Cut(moment)]
    server = ProtocolServer(*cuts)
    async with server.running() as url:
        events = await stream_file(AUDIO, url, patience=HASTY, flushAt=6400)
    assert server.cuts == []
    assert texts(events) == await undisturbed_texts(stream_file, flushAt=6400)
    assert bytes(server.sessions[-1].audio) == AUDIO
    assert events[-1]["type"] == "finished"
    seqs = [event["seq"] for event in events]
    assert seqs == sorted(set(seqs))


@pytest.mark.parametrize("seed", range(4))
async def test_transcript_of_the_typescript_client_survives_many_disconnections(
    stream_file: StreamFile, seed: int
) -> None:
    rng = random.Random(seed)
    during = [
        Moment.AUDIO_LOST,
        Moment.HALF_A_MESSAGE_SAVED,
        Moment.SAVED_BUT_NOT_ACKNOWLEDGED,
        Moment.ACKNOWLEDGED,
        Moment.MID_FRAME,
        Moment.EVENTS_LOST,
    ]
    cuts = [Cut(rng.choice(during), at) for at in sorted(rng.sample(range(1, len(AUDIO)), 6))]
    server = ProtocolServer(*cuts)
    async with server.running() as url:
        events = await stream_file(AUDIO, url, patience=HASTY, messageBytes=rng.choice([1600, 3200, 5000]), paceMs=1)
    assert server.cuts == []
    assert texts(events) == await undisturbed_texts(stream_file)
    assert bytes(server.sessions[-1].audio) == AUDIO


async def test_commands_of_the_typescript_client_keep_their_place_in_the_audio(stream_file: StreamFile) -> None:
    server = ProtocolServer(Cut(Moment.AUDIO_LOST, 6400))
    settings = {"language": None, "bias_lists": []}
    async with server.running() as url:
        await stream_file(AUDIO, url, patience=HASTY, flushAt=6400, configure={"at": 3200, "settings": settings})
    commands = server.sessions[0].commands
    assert {"type": "configure", "at": 3200} | settings in commands
    assert [command["at"] for command in commands if command["type"] in ("flush", "finish")] == [6400, len(AUDIO)]


async def test_packets_are_sent_whole_and_never_resumed_inside(stream_file: StreamFile) -> None:
    server = ProtocolServer(Cut(Moment.HALF_A_MESSAGE_SAVED, 6400))
    async with server.running() as url:
        events = await stream_file(AUDIO, url, patience=HASTY, options={"format": {"encoding": "opus"}})
    assert events[-1]["failed"]["name"] == "ProtocolError"
    assert "inside a packet" in events[-1]["failed"]["message"]


@pytest.mark.parametrize(
    ("error", "close_code", "kind"),
    [
        ({"code": "invalid_request", "message": "no such language", "field": "language"}, 1008, "bad_request"),
        ({"code": "unauthorized", "message": "which key?", "field": "authorization"}, 1008, "unauthorized"),
        ({"code": "at_capacity", "message": "full", "field": None}, 1013, "refused"),
    ],
)
async def test_a_refusal_ends_the_typescript_stream(
    stream_file: StreamFile, error: dict[str, Any], close_code: int, kind: str
) -> None:
    server = ProtocolServer()
    server.refusal = (error, close_code)
    async with server.running() as url:
        [told] = await stream_file(AUDIO, url, patience=HASTY)
    assert told["failed"] == {"name": "ApiError", "kind": kind, **error}
    assert server.connections == 1


async def test_no_server_is_unreachable_at_once_or_at_the_deadline(stream_file: StreamFile) -> None:
    server = ProtocolServer(Cut(Moment.AUDIO_LOST, 3200))
    async with server.running() as url:
        events = await stream_file(AUDIO, url, patience=AT_ONCE)
    assert events[-1]["failed"]["name"] == "Unreachable"
    [told] = await stream_file(AUDIO, url)
    assert told["failed"]["name"] == "Unreachable"


async def test_a_key_that_no_subprotocol_can_carry_is_named(stream_file: StreamFile) -> None:
    [told] = await stream_file(AUDIO, "http://127.0.0.1:1", apiKey="two words")
    assert (told["failed"]["kind"], told["failed"]["field"]) == ("unauthorized", "authorization")
