"""What `/v1/stream` promises to a client that keeps to docs/streaming.md, over real speech."""

import itertools
from typing import Any

import numpy as np
import pytest

from loadtest.accuracy import normalise
from service.audio.pcm import Int16
from service.audio.stream_decoder import StreamFormat
from service.transcript import SAMPLE_RATE
from tests.e2e.raw_stream import RawStream, started
from tests.e2e.recordings import manifest, samples
from tests.unit.audio import encoded

CLIP = "human-en-vm-nobox"
FORMATS = [
    StreamFormat("pcm_s16le", 8_000),
    StreamFormat("pcm_s16le", 44_100, 2),
    StreamFormat("pcm_f32le", 48_000),
    StreamFormat("mulaw", 8_000),
    StreamFormat("alaw", 8_000),
    StreamFormat("opus"),
    StreamFormat("ogg_opus"),
    StreamFormat("webm_opus"),
    StreamFormat("aac_adts", 44_100),
    StreamFormat("mp3", 44_100),
    StreamFormat("flac"),
    StreamFormat("wav", 44_100, 2),
]


def pause(seconds: float) -> Int16:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


def text_of(stream: RawStream) -> str:
    return " ".join(final["text"] for final in stream.of("final"))


@pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: f"{fmt.encoding}-{fmt.sample_rate}-{fmt.channels}")
async def test_every_encoding_gives_the_words_of_plain_pcm(live_server: str, fmt: StreamFormat) -> None:
    async def words(fmt: StreamFormat) -> list[str]:
        wire = {"encoding": fmt.encoding, "sample_rate": fmt.sample_rate, "channels": fmt.channels}
        async with started(live_server, format=wire, interim=False) as stream:
            for piece in encoded.stream(samples(CLIP), fmt):
                await stream.audio(piece, frame=len(piece) if fmt.encoding == "opus" else 3_001)
            await stream.say("finish")
            *_, finished = await stream.to_the_end()
            assert finished["duration"] == pytest.approx(manifest()[CLIP]["duration"], abs=0.15)
            assert stream.close_code == 1000
            return normalise(text_of(stream))

    assert await words(fmt) == await words(StreamFormat()) == normalise(manifest()[CLIP]["text"])


async def test_captions_only_grow_and_become_the_final(live_server: str) -> None:
    speech = samples("demo")[80_000:310_000]  # two utterances and the silence behind them
    async with started(live_server) as stream:
        await stream.audio(speech, pace=1)
        await stream.say("finish")
        events = await stream.to_the_end()
    assert stream.close_code == 1000
    seqs = [event["seq"] for event in events]
    assert seqs == sorted(set(seqs))
    finals = {final["id"]: final for final in stream.of("final")}
    assert list(finals) == sorted(finals)
    partials = stream.of("partial")
    assert len(partials) > len(finals) == 2
    for partial, following in itertools.pairwise(partials):
        if partial["id"] == following["id"]:
            assert following["committed"].startswith(partial["committed"])
    for partial in partials:
        assert partial["id"] in finals
        assert finals[partial["id"]]["text"].startswith(partial["committed"].strip())
    assert any(partial["committed"] for partial in partials)
    spoken = [segment["text"] for segment in manifest()["demo"]["segments"][1:3]]
    assert [normalise(final["text"]) for final in finals.values()] == [normalise(text) for text in spoken]
    words = [word for final in finals.values() for word in final["words"]]
    times = [at for word in words for at in (word["start"], word["end"])]
    assert times == sorted(times)
    assert times[-1] <= events[-1]["duration"]
    assert all(0 <= word["confidence"] <= 1 for word in words)
    assert [event["id"] for event in stream.of("speech_started")] == list(finals)
    assert [event["id"] for event in stream.of("speech_ended")] == list(finals)
    assert {event["cause"] for event in stream.of("speech_ended")} == {"silence"}
    acks = [ack["bytes"] for ack in stream.of("ack")]
    assert acks == sorted(acks)
    assert acks[-1] == 2 * len(speech)


async def test_without_interim_there_are_no_partials(live_server: str) -> None:
    async with started(live_server, interim=False) as stream:
        await stream.audio(samples(CLIP), pace=4)
        await stream.say("finish")
        types = {event["type"] for event in await stream.to_the_end()}
    assert types == {"started", "ack", "speech_started", "speech_ended", "final", "finished"}


async def test_flush_makes_final_what_was_said_so_far(live_server: str) -> None:
    speech = samples("demo")
    middle = 3 * SAMPLE_RATE  # inside the first sentence
    async with started(live_server, interim=False) as stream:
        await stream.audio(speech[:middle])
        await stream.say("flush")
        assert (await stream.until("ack"))["bytes"] <= 2 * middle
        first = await stream.until("final")
        assert (first["id"].rpartition(".")[2], first["end"] <= 3.0) == ("0", True)
        assert normalise(first["text"])[:4] == ["thank", "you", "please", "hold"]
        await stream.say("flush")  # nothing is being said: no final, and no harm
        await stream.audio(np.concatenate([speech[middle : 10 * SAMPLE_RATE], pause(1)]))
        await stream.say("finish")
        await stream.to_the_end()
    assert [final["id"].rpartition(".")[2] for final in stream.of("final")] == ["0", "1", "2"]
    assert stream.of("final")[1]["start"] >= 3.0
    assert "not at their desk" in text_of(stream)


async def test_configure_changes_the_language_of_what_follows(live_server: str) -> None:
    async with started(live_server, interim=False) as stream:
        await stream.audio(np.concatenate([samples(CLIP), pause(1)]))
        assert (await stream.until("final"))["language"] == "en"
        await stream.say("configure", language="es", endpointing={"silence_ms": 300})
        await stream.until("configured")
        await stream.audio(np.concatenate([samples("human-es-conf-invalid"), pause(1)]))
        await stream.say("configure", language=None)
        await stream.audio(np.concatenate([samples("human-ru-ss-noservice"), pause(1)]))
        await stream.say("finish")
        await stream.to_the_end()
    languages = [final["language"] for final in stream.of("final")]
    assert languages[0] == "en"
    assert languages[-1] == "ru"
    assert "es" in languages[1:-1]


@pytest.mark.parametrize("given", [{}, {"id": 7}, {"id": "seven"}, {"id": None}])
async def test_a_ping_is_answered_with_its_id(live_server: str, given: dict[str, Any]) -> None:
    async with started(live_server) as stream:
        await stream.say("ping", **given)
        assert (await stream.until("pong"))["id"] == given.get("id")


async def test_a_stream_without_speech_ends_without_finals(live_server: str) -> None:
    async with started(live_server, language=None) as stream:
        await stream.audio(samples("music"), frame=64_000)
        await stream.say("finish")
        events = await stream.to_the_end()
    assert not stream.of("final")
    assert all(not partial["committed"] for partial in stream.of("partial"))
    assert events[-1]["type"] == "finished"
    assert events[-1]["duration"] == pytest.approx(10.0, abs=0.01)


async def test_a_stream_of_nothing_finishes(live_server: str) -> None:
    async with started(live_server) as stream:
        await stream.say("finish")
        events = await stream.to_the_end()
    assert (events[-1]["type"], events[-1]["duration"], stream.close_code) == ("finished", 0.0, 1000)
