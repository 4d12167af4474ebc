"""Live streams with and without asyncio: the same events, over the scripted server and the real one."""

import asyncio
import queue
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from sotto_client import (
    AudioFormat,
    BadRequest,
    Event,
    Final,
    Finished,
    LiveStream,
    Patience,
    Refused,
    SottoClient,
    SpeechEnded,
    SpeechStarted,
    Started,
    StreamClosed,
    StreamOptions,
    Unauthorized,
    Unreachable,
)

from service.audio.container import read_file
from tests.contract.protocol_server import Cut, Moment, ProtocolServer
from tests.stack import Stack
from tests.unit.client.both_clients import STREAMS, TRANSPORTS, StreamAll

CLIP = Path(__file__).parents[1] / "data" / "human-en-vm-newuser.flac"
AUDIO = random.Random(11).randbytes(32_100)
HASTY = Patience(answer_s=5, reconnect_s=5)
FINALS_ONLY = StreamOptions(language="en", interim=False)


@pytest.fixture(params=STREAMS)
def stream_all(request: pytest.FixtureRequest) -> StreamAll:
    """Streams audio to the end by one transport; all events."""
    return STREAMS[request.param]


@pytest.fixture(scope="module")
def speech() -> bytes:
    with CLIP.open("rb") as source:
        return b"".join(samples.tobytes() for samples in read_file(source, max_seconds=60, filename=CLIP.name))


@pytest.fixture
def scripted() -> Iterator[tuple[str, ProtocolServer]]:
    """A scripted server in a thread, for tests that block."""
    started: queue.Queue[str] = queue.Queue()
    done = threading.Event()
    server = ProtocolServer()

    async def serve() -> None:
        async with server.running() as url:
            started.put(url)
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield started.get(), server
    finally:
        done.set()
        thread.join()


# ---- the same by each transport


@pytest.mark.parametrize("cuts", [(), (Cut(Moment.EVENTS_LOST, 8000), Cut(Moment.AUDIO_LOST, 20_000))])
async def test_every_transport_yields_all_events(stream_all: StreamAll, cuts: tuple[Cut, ...]) -> None:
    server = ProtocolServer(*map(replace, cuts))
    async with server.running() as url:
        events = await stream_all(url, AUDIO, patience=HASTY)
    [session] = server.sessions
    told = [event for event in session.events if event["type"] != "pong"]
    assert [event.seq for event in events] == [event["seq"] for event in told]
    assert bytes(session.audio) == AUDIO
    assert server.connections == 1 + len(cuts)
    ended = [(event.id, event.end, event.cause) for event in events if isinstance(event, SpeechEnded)]
    assert ended == [(e["id"], e["end"], e["cause"]) for e in told if e["type"] == "speech_ended"]
    assert {cause for *_, cause in ended} == {"length", "flush"}


@pytest.mark.slow
async def test_transports_agree_field_by_field_on_real_speech(live_server: str, speech: bytes) -> None:
    twice = speech + bytes(32_000) + speech
    streams = [
        [_without_names(event) for event in await stream(live_server, twice, FINALS_ONLY) if _is_timeless(event)]
        for stream in STREAMS.values()
    ]
    # how far the speech has come when a final is ready is a matter of time: each kind has an order of its own
    heard, finals = zip(*(_apart(events) for events in streams), strict=True)
    assert heard[0] == heard[1] == heard[2]
    assert finals[0] == finals[1] == finals[2]
    kinds = [type(event) for event in heard[0]]
    assert kinds.count(SpeechStarted) == kinds.count(SpeechEnded) >= len(finals[0]) >= 2
    for events in streams:
        assert isinstance(events[0], Started)
        assert isinstance(events[-1], Finished)
        for final in (event for event in events if isinstance(event, Final)):
            [ended] = [event for event in events if isinstance(event, SpeechEnded) and event.id == final.id]
            assert events.index(ended) < events.index(final)


def _apart(events: list[Event]) -> tuple[list[Event], list[Event]]:
    """What the gateway hears, and what the worker decodes."""
    finals = [event for event in events if isinstance(event, Final)]
    return [event for event in events if not isinstance(event, Final)], finals


def _is_timeless(event: Event) -> bool:
    """Whether it is told of every run; acknowledgements come by the clock."""
    return isinstance(event, Started | SpeechStarted | SpeechEnded | Final | Finished)


def _without_names(event: Event) -> Any:
    """The event without what differs between two sessions of the same audio."""
    match event:
        case Started():
            return replace(event, seq=0, session="", resume_token="", expires_at=None)
        case SpeechStarted() | SpeechEnded() | Final():
            return replace(event, seq=0, id=event.id.rpartition(".")[2])
        case _:
            return replace(event, seq=0)


@pytest.mark.parametrize(
    ("error", "close_code", "kind"),
    [
        ({"code": "at_capacity", "message": "full", "field": None}, 1013, Refused),
        ({"code": "invalid_request", "message": "what", "field": "format.encoding"}, 1008, BadRequest),
    ],
)
async def test_refusals_have_a_type_by_every_transport(
    stream_all: StreamAll, error: dict[str, object], close_code: int, kind: type[Exception]
) -> None:
    server = ProtocolServer()
    server.refusal = (error, close_code)
    async with server.running() as url:
        with pytest.raises(kind, match=str(error["message"])) as caught:
            await stream_all(url, AUDIO, patience=HASTY)
    assert caught.value.field == error["field"]  # type: ignore[attr-defined]


async def test_refused_handshake_is_unauthorized_by_every_transport(stream_all: StreamAll) -> None:
    server = ProtocolServer()
    server.status = HTTPStatus.UNAUTHORIZED
    async with server.running() as url:
        with pytest.raises(Unauthorized):
            await stream_all(url, AUDIO, api_key="k-1")
    assert server.api_keys == ["Bearer k-1"]


async def test_no_server_is_unreachable_by_every_transport(stream_all: StreamAll) -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        await stream_all("http://127.0.0.1:9", AUDIO)


@pytest.mark.slow
async def test_real_server_names_the_field_at_fault_by_every_transport(stream_all: StreamAll, live_server: str) -> None:
    with pytest.raises(BadRequest) as caught:
        await stream_all(live_server, b"", StreamOptions(format=AudioFormat("cassette")))
    assert (caught.value.code, caught.value.field) == ("invalid_request", "format.encoding")


@pytest.mark.slow
async def test_keys_open_a_guarded_server_and_others_do_not(live_stack: Stack, live_server: str) -> None:
    guarded, url = live_stack.gateway(SOTTO_API_KEYS="k-1")
    try:
        for stream in STREAMS.values():
            assert isinstance((await stream(url, b"", api_key="k-1"))[-1], Finished)
            for key in ("k-2", None):
                with pytest.raises(Unauthorized):
                    await stream(url, b"", api_key=key)
        for ask in TRANSPORTS.values():
            assert await ask(url, "models", api_key="k-1") == ("base",)
            for key in ("k-2", None):
                with pytest.raises(Unauthorized):
                    await ask(url, "models", api_key=key)
    finally:
        guarded.kill()


# ---- without asyncio


def test_one_thread_may_send_while_another_reads(scripted: tuple[str, ProtocolServer]) -> None:
    url, server = scripted
    texts: list[str] = []
    with LiveStream(url, patience=HASTY) as live:
        reader = threading.Thread(target=lambda: texts.extend(e.text for e in live if isinstance(e, Final)))
        reader.start()
        for start in range(0, len(AUDIO), 3200):
            live.send_audio(AUDIO[start : start + 3200])
        live.finish()
        reader.join()
    assert len(texts) == 5
    assert bytes(server.sessions[0].audio) == AUDIO


def test_commands_keep_their_place_in_the_audio(scripted: tuple[str, ProtocolServer]) -> None:
    url, server = scripted
    with LiveStream(url, patience=HASTY) as live:
        live.send_audio(AUDIO[:3200])
        live.configure(language="fr", keywords=["Loewe"])
        live.send_audio(AUDIO[3200:6400])
        live.flush()
        live.finish()
        assert isinstance(list(live)[-1], Finished)
    commands = [(command["type"], command["at"]) for command in server.sessions[0].commands]
    assert commands == [("configure", 3200), ("flush", 6400), ("finish", 6400)]


def test_a_stream_is_closed_before_and_after_its_context(scripted: tuple[str, ProtocolServer]) -> None:
    url, _ = scripted
    live = LiveStream(url, patience=HASTY)
    with pytest.raises(StreamClosed):
        live.send_audio(b"\0\0")
    with live:
        live.finish()
        with pytest.raises(StreamClosed):
            live.send_audio(b"\0\0")
    for use in (live.flush, live.finish, lambda: next(live)):
        with pytest.raises(StreamClosed):
            use()
    live.abandon()


def test_leaving_ends_the_wait_of_another_thread(scripted: tuple[str, ProtocolServer]) -> None:
    url, _ = scripted
    ended: queue.Queue[str] = queue.Queue()
    with LiveStream(url, patience=HASTY) as live:
        assert isinstance(next(live), Started)

        def read() -> None:
            try:
                ended.put(repr(list(live)))
            except StreamClosed as error:
                ended.put(type(error).__name__)

        threading.Thread(target=read).start()
    assert ended.get(timeout=10) == "StreamClosed"


def test_abandoning_ends_the_iteration(scripted: tuple[str, ProtocolServer]) -> None:
    url, _ = scripted
    with LiveStream(url, patience=HASTY) as live:
        assert isinstance(next(live), Started)
        live.abandon()
        assert list(live) == []
        with pytest.raises(StreamClosed):
            live.send_audio(b"\0\0")


def test_chunks_that_fail_end_the_stream_with_their_error(scripted: tuple[str, ProtocolServer]) -> None:
    url, _ = scripted

    def chunks() -> Iterator[bytes]:
        yield AUDIO[:8000]
        raise RuntimeError("the microphone was unplugged")

    with SottoClient(url) as client, pytest.raises(RuntimeError, match="unplugged"):
        list(client.stream(chunks(), patience=HASTY))


def test_leaving_early_stops_the_chunks(scripted: tuple[str, ProtocolServer]) -> None:
    url, _ = scripted
    stopped = threading.Event()

    def chunks() -> Iterator[bytes]:
        try:
            while True:
                yield AUDIO[:3200]
        finally:
            stopped.set()

    with SottoClient(url) as client:
        events = client.stream(chunks(), patience=HASTY)
        for event in events:
            if isinstance(event, Final):
                break
        events.close()  # type: ignore[attr-defined]
    assert stopped.wait(10)
