"""One suite over two servers: the scripted one of the client's own tests, and the real one with real speech."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sotto_client import (
    Acknowledged,
    Event,
    Final,
    Finished,
    Partial,
    Started,
    Stream,
    StreamOptions,
)

from service.audio.container import read_file
from tests.contract.cutting_proxy import CuttingProxy
from tests.contract.protocol_server import ProtocolServer

CLIP = Path(__file__).parents[1] / "data" / "human-en-vm-newuser.flac"
MESSAGE_BYTES = 3200
ENGLISH = StreamOptions(language="en")
FINALS_ONLY = StreamOptions(language="en", interim=False)


@pytest.fixture(params=["scripted", pytest.param("real", marks=pytest.mark.slow)])
async def server_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    if request.param == "real":
        yield request.getfixturevalue("live_server")
        return
    async with ProtocolServer().running() as url:
        yield url


@pytest.fixture(scope="module")
def speech() -> bytes:
    with CLIP.open("rb") as source:
        return b"".join(samples.tobytes() for samples in read_file(source, max_seconds=60, filename=CLIP.name))


async def send(stream: Stream, audio: bytes) -> None:
    for start in range(0, len(audio), MESSAGE_BYTES):
        await stream.send_audio(audio[start : start + MESSAGE_BYTES])


async def stream_all(url: str, audio: bytes, options: StreamOptions) -> list[Event]:
    async with Stream(url, options) as stream:
        await send(stream, audio)
        await stream.finish()
        return [event async for event in stream]


def finals(events: list[Event]) -> list[Final]:
    return [event for event in events if isinstance(event, Final)]


async def test_stream_begins_with_started_and_ends_with_finished(server_url: str, speech: bytes) -> None:
    events = await stream_all(server_url, speech, ENGLISH)
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    assert events[-1].duration == pytest.approx(len(speech) / 32_000, abs=0.05)


async def test_sequence_numbers_increase_and_finals_are_unique_and_in_order(server_url: str, speech: bytes) -> None:
    events = await stream_all(server_url, speech * 2, ENGLISH)
    seqs = [event.seq for event in events]
    assert seqs == sorted(set(seqs))
    heard = finals(events)
    assert heard
    assert len({final.id for final in heard}) == len(heard)
    assert [final.start for final in heard] == sorted(final.start for final in heard)


async def test_acknowledged_bytes_grow_to_all_of_the_audio(server_url: str, speech: bytes) -> None:
    acks = [event.bytes for event in await stream_all(server_url, speech, ENGLISH) if isinstance(event, Acknowledged)]
    assert acks == sorted(acks)
    assert acks[-1] == len(speech)


async def test_committed_words_never_change(server_url: str, speech: bytes) -> None:
    committed: dict[str, str] = {}
    for event in await stream_all(server_url, speech * 2, ENGLISH):
        if isinstance(event, Partial):
            assert event.committed.startswith(committed.get(event.id, ""))
            committed[event.id] = event.committed
        if isinstance(event, Final):
            assert event.text.startswith(committed.get(event.id, ""))


async def test_flush_brings_a_final_and_leaves_the_stream_open(server_url: str, speech: bytes) -> None:
    async with Stream(server_url, FINALS_ONLY) as stream:
        await send(stream, speech)
        await stream.flush()
        first = [event.id async for event in _until_final(stream, end_s=len(speech) / 32_000 - 1.5)]
        await send(stream, speech)
        await stream.finish()
        later = finals([event async for event in stream])
    assert later
    assert not {final.id for final in later} & set(first)


async def _until_final(stream: Stream, *, end_s: float) -> AsyncIterator[Final]:
    """Finals up to one that reaches past `end_s`."""
    async for event in stream:
        if isinstance(event, Final):
            yield event
            if event.end >= end_s:
                return


async def test_finals_are_those_of_an_undisturbed_run_after_every_second_ack_cut_the_connection(
    server_url: str, speech: bytes
) -> None:
    undisturbed = finals(await stream_all(server_url, speech, FINALS_ONLY))
    proxy = CuttingProxy(server_url)
    events: list[Event] = []
    async with proxy.running() as url, Stream(url, FINALS_ONLY) as stream:
        sent = 0
        acks = 0
        while not (events and isinstance(events[-1], Finished)):
            if sent < len(speech):
                await stream.send_audio(speech[sent : sent + len(speech) // 6])
                sent += len(speech) // 6
                if sent >= len(speech):
                    await stream.finish()
            async for event in stream:
                events.append(event)
                if isinstance(event, Acknowledged | Finished):
                    break
            acks += 1
            if acks % 2 == 0:
                proxy.cut()
    assert proxy.connections >= 3
    assert [final.text for final in finals(events)] == [final.text for final in undisturbed]
    seqs = [event.seq for event in events]
    assert seqs == sorted(set(seqs))
