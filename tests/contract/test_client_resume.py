"""The client against a server that hangs up at awkward moments: the transcript is that of an undisturbed run."""

import asyncio
import random
from http import HTTPStatus

import pytest
from sotto_client import (
    AudioFormat,
    BadRequest,
    Event,
    Failed,
    Final,
    Finished,
    NotFound,
    Patience,
    Refused,
    Stream,
    StreamClosed,
    StreamOptions,
    Unauthorized,
    Unreachable,
)

from tests.contract.protocol_server import Cut, Moment, ProtocolServer

AUDIO = random.Random(7).randbytes(32_100)
MESSAGE_BYTES = 3200
HASTY = Patience(answer_s=5, reconnect_s=5)
AT_ONCE = Patience(answer_s=5, reconnect_s=0)


async def stream_all(
    urls: str | list[str], *, audio: bytes = AUDIO, options: StreamOptions | None = None, flush_at: int | None = None
) -> list[Event]:
    async with Stream(urls, options, patience=HASTY) as stream:
        for start in range(0, len(audio), MESSAGE_BYTES):
            if start == flush_at:
                await stream.flush()
            await stream.send_audio(audio[start : start + MESSAGE_BYTES])
        await stream.finish()
        return [event async for event in stream]


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Final)]


async def undisturbed_texts(**how: object) -> list[str]:
    async with ProtocolServer().running() as url:
        return texts(await stream_all(url, **how))  # type: ignore[arg-type]


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("at_bytes", [3200, 6400, 16_000])
async def test_transcript_survives_a_disconnection(moment: Moment, at_bytes: int) -> None:
    cuts = [Cut(moment, at_bytes)]
    if moment is Moment.BEFORE_RESUMED:
        cuts = [Cut(Moment.AUDIO_LOST, at_bytes), Cut(moment)]
    if moment in (Moment.BEFORE_STARTED, Moment.STARTED_LOST, Moment.FLUSH_LOST, Moment.FINISH_LOST):
        cuts = [Cut(moment)]
    if moment is Moment.FINISHED_LOST:
        cuts = [Cut(moment)]
    server = ProtocolServer(*cuts)
    async with server.running() as url:
        events = await stream_all(url, flush_at=6400)
    assert server.cuts == []
    assert texts(events) == await undisturbed_texts(flush_at=6400)
    assert bytes(server.sessions[-1].audio) == AUDIO
    assert isinstance(events[-1], Finished)


@pytest.mark.parametrize("seed", range(12))
async def test_transcript_survives_many_disconnections(seed: int) -> None:
    rng = random.Random(seed)
    during = [
        Moment.AUDIO_LOST,
        Moment.HALF_A_MESSAGE_SAVED,
        Moment.SAVED_BUT_NOT_ACKNOWLEDGED,
        Moment.ACKNOWLEDGED,
        Moment.MID_FRAME,
        Moment.EVENTS_LOST,
    ]
    places = sorted(rng.sample(range(3200, 32_000, 1600), 6))
    server = ProtocolServer(*(Cut(rng.choice(during), place) for place in places))
    async with server.running() as url:
        events = await stream_all(url)
    assert server.cuts == []
    assert texts(events) == await undisturbed_texts()
    seqs = [event.seq for event in events]
    assert seqs == sorted(set(seqs))


async def test_opus_packets_are_never_cut() -> None:
    packets = [random.Random(n).randbytes(40 + n % 50) for n in range(200)]
    server = ProtocolServer(Cut(Moment.SAVED_BUT_NOT_ACKNOWLEDGED, 1000), Cut(Moment.AUDIO_LOST, 5000))
    options = StreamOptions(format=AudioFormat("opus", 48_000, 1))
    async with server.running() as url, Stream(url, options, patience=HASTY) as stream:
        for packet in packets:
            await stream.send_audio(packet)
        await stream.finish()
        async for _ in stream:
            pass
    assert bytes(server.sessions[-1].audio) == b"".join(packets)


async def test_stream_moves_on_to_the_next_server() -> None:
    first, second = ProtocolServer(Cut(Moment.ACKNOWLEDGED, 6400)), ProtocolServer()
    second.sessions = first.sessions  # one Redis behind both
    async with first.running() as one, second.running() as two:
        events = await stream_all([one, two])
    assert (first.connections, second.connections) == (1, 1)
    assert texts(events) == await undisturbed_texts()


async def test_unreachable_first_server_is_passed_over() -> None:
    async with ProtocolServer().running() as url:
        events = await stream_all(["http://127.0.0.1:9", url])
    assert texts(events) == await undisturbed_texts()


async def test_no_server_is_unreachable() -> None:
    with pytest.raises(Unreachable, match=r"no server answers at ws://127\.0\.0\.1:9/v1/stream"):
        await stream_all("http://127.0.0.1:9")


async def test_stream_gives_up_at_its_deadline() -> None:
    server = ProtocolServer(*(Cut(Moment.AUDIO_LOST) for _ in range(50)))
    async with server.running() as url, Stream(url, patience=AT_ONCE) as stream:
        await stream.send_audio(AUDIO[:100])
        with pytest.raises(Unreachable):
            [event async for event in stream]
    assert server.connections < 5


async def test_stream_that_goes_nowhere_is_one_outage() -> None:
    """Each connection is answered, but dies on the same audio: the deadline must still end it."""
    server = ProtocolServer(*(Cut(Moment.AUDIO_LOST) for _ in range(1000)))
    patience = Patience(answer_s=5, reconnect_s=0.3)
    async with server.running() as url, Stream(url, patience=patience) as stream:
        await stream.send_audio(AUDIO[:100])
        with pytest.raises(Unreachable):
            [event async for event in stream]


async def test_key_is_sent_as_bearer() -> None:
    server = ProtocolServer()
    async with server.running() as url, Stream(url, api_key="k-1", patience=HASTY) as stream:
        await stream.finish()
        async for _ in stream:
            pass
    assert server.api_keys == ["Bearer k-1"]


@pytest.mark.parametrize(
    ("error", "close_code", "kind"),
    [
        ({"code": "unauthorized", "message": "no such key", "field": None}, 1008, Unauthorized),
        ({"code": "at_capacity", "message": "full", "field": None}, 1013, Refused),
        ({"code": "invalid_request", "message": "what?", "field": "format.encoding"}, 1008, BadRequest),
        ({"code": "internal_error", "message": "oh", "field": None}, 1011, Failed),
    ],
)
async def test_refusals_have_a_type(error: dict[str, object], close_code: int, kind: type[Exception]) -> None:
    server = ProtocolServer()
    server.refusal = (error, close_code)
    async with server.running() as url:
        with pytest.raises(kind, match=str(error["message"]).replace("?", r"\?")) as caught:
            await stream_all(url)
    assert caught.value.field == error["field"]  # type: ignore[attr-defined]
    assert server.connections == 1


async def test_handshake_refused_for_the_key_is_unauthorized() -> None:
    server = ProtocolServer()
    server.status = HTTPStatus.UNAUTHORIZED
    async with server.running() as url:
        with pytest.raises(Unauthorized):
            await stream_all(url)


async def test_sending_waits_for_room() -> None:
    server = ProtocolServer(Cut(Moment.SAVED_BUT_NOT_ACKNOWLEDGED, 6400))
    small = Patience(answer_s=5, reconnect_s=5, max_unsafe_bytes=4000)
    async with server.running() as url, Stream(url, patience=small) as stream:
        for start in range(0, len(AUDIO), MESSAGE_BYTES):
            await stream.send_audio(AUDIO[start : start + MESSAGE_BYTES])
        await stream.finish()
        assert texts([event async for event in stream]) == await undisturbed_texts()


async def test_large_audio_is_sent_in_small_messages() -> None:
    audio = random.Random(1).randbytes(3_000_000)
    server = ProtocolServer()
    async with server.running() as url, Stream(url, patience=HASTY) as stream:
        await stream.send_audio(audio)
        await stream.finish()
        async for _ in stream:
            pass
    assert bytes(server.sessions[0].audio) == audio


async def test_audio_after_finish_is_an_error() -> None:
    async with ProtocolServer().running() as url, Stream(url, patience=HASTY) as stream:
        await stream.finish()
        with pytest.raises(StreamClosed):
            await stream.send_audio(b"\0\0")


async def test_quiet_stream_is_kept_alive() -> None:
    server = ProtocolServer()
    patience = Patience(answer_s=5, reconnect_s=5, keepalive_s=0.001)
    async with server.running() as url, Stream(url, patience=patience):
        await asyncio.wait_for(server.pinged.wait(), 5)


async def test_commands_keep_their_place_in_the_audio() -> None:
    server = ProtocolServer(Cut(Moment.AUDIO_LOST, 6400))
    async with server.running() as url, Stream(url, patience=HASTY) as stream:
        await stream.send_audio(AUDIO[:3200])
        await stream.configure(language="fr", endpointing={"silence_ms": 300})
        await stream.send_audio(AUDIO[3200:6400])
        await stream.flush()
        await stream.finish()
        async for _ in stream:
            pass
    commands = server.sessions[0].commands
    configured = {"type": "configure", "language": "fr", "endpointing": {"silence_ms": 300}, "at": 3200}
    assert configured in commands
    assert [command["at"] for command in commands if command["type"] in ("flush", "finish")] == [6400, 6400]


async def test_a_session_that_the_server_forgot_is_told_as_just_that() -> None:
    server = ProtocolServer(Cut(Moment.ACKNOWLEDGED, 6400))
    server.forgetful = True
    async with server.running() as url:
        with pytest.raises(NotFound, match="expired"):
            await stream_all(url)
