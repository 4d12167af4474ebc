"""`POST /v1/audio/transcriptions` by OpenAI's own SDK and by plain HTTP, over real speech."""

import asyncio
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis
from openai import OpenAI

from service.gateway.rest.transcription import CUE_CHARS
from tests.e2e.conftest import KEYS, Neighbour, until
from tests.e2e.recordings import error_rate, flac, long_speech, manifest, samples, silence
from tests.unit.audio.encoded import encode, wav

CLIP = "human-en-vm-nobox"
LANGUAGES = {
    "en": "human-en-vm-rec-name",
    "es": "human-es-conf-invalid",
    "fr": "human-fr-followme-status",
    "it": "human-it-ss-noservice",
    "ru": "human-ru-ss-noservice",
}
FILES = {
    "wav": ("wav", "pcm_s16le", 16_000),
    "flac": ("flac", "flac", 44_100),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "ogg": ("ogg", "libopus", 48_000),
    "webm": ("webm", "libopus", 48_000),
    "m4a": ("ipod", "aac", 44_100),
    "3gp": ("3gp", "aac", 16_000),
}


@pytest.fixture
def openai(live_server: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{live_server}/v1", api_key="any", max_retries=0, timeout=120) as client:
        yield client


def transcribe(api: httpx.Client, file: bytes, **fields: Any) -> dict[str, Any]:
    reply = api.post("/v1/audio/transcriptions", files={"file": ("speech", file)}, data=fields)
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


def test_the_sdk_gets_every_format_of_one_transcript(openai: OpenAI) -> None:
    def create(response_format: Any) -> Any:
        return openai.audio.transcriptions.create(
            model="whisper-1", file=("visit.flac", flac(CLIP)), language="en", response_format=response_format
        )

    text = create("json").text
    assert error_rate(CLIP, text) < 0.1
    assert create("text") == text + "\n"
    verbose = create("verbose_json")
    assert (verbose.text, verbose.language) == (text, "english")
    assert verbose.duration == pytest.approx(manifest()[CLIP]["duration"], abs=0.05)
    assert [segment.text for segment in verbose.segments] == [text]
    srt, vtt = create("srt"), create("vtt")
    assert vtt.startswith("WEBVTT\n\n")
    assert srt.startswith("1\n00:00:0")
    for captions, clock in ((srt, r"\d\d:\d\d:\d\d,\d{3}"), (vtt, r"\d\d:\d\d:\d\d\.\d{3}")):
        assert re.search(f"^{clock} --> {clock}$", captions, re.MULTILINE)
        spoken = [line for line in captions.splitlines() if line and not re.match(r"\d|WEBVTT", line)]
        assert " ".join(spoken) == text
        assert all(len(line) <= CUE_CHARS for line in spoken)


def test_words_and_segments_lie_in_order_inside_the_recording(openai: OpenAI) -> None:
    verbose: Any = openai.audio.transcriptions.create(
        model="whisper-1",
        file=("demo.flac", flac("demo")),
        language="en",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert "".join(word.word for word in verbose.words) == verbose.text.replace(" ", "")
    assert " ".join(segment.text for segment in verbose.segments) == verbose.text
    for timed in (verbose.words, verbose.segments):
        times = list(itertools.chain.from_iterable((each.start, each.end) for each in timed))
        assert times == sorted(times)
        assert times[0] >= 0
        assert times[-1] <= verbose.duration
        assert all(0 <= each.confidence <= 1 for each in timed)
    assert error_rate("demo", verbose.text) < 0.1


def test_words_stand_where_they_were_spoken(api: httpx.Client) -> None:
    body = transcribe(
        api, flac("demo"), language="en", response_format="verbose_json", **{"timestamp_granularities[]": "word"}
    )
    assert "segments" not in body
    starts = {word["word"].strip(".,").lower(): word["start"] for word in reversed(body["words"])}
    for spoken, segment in (("thank", 0), ("all", 2), ("goodbye", 4)):
        assert starts[spoken] == pytest.approx(manifest()["demo"]["segments"][segment]["start"], abs=0.6)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_may_be_given_or_is_detected(api: httpx.Client, language: str) -> None:
    name = LANGUAGES[language]
    given = transcribe(api, flac(name), language=language, response_format="verbose_json")
    detected = transcribe(api, flac(name), response_format="verbose_json")
    assert given["language_code"] == detected["language_code"] == language
    assert error_rate(name, given["text"]) <= 0.25
    assert error_rate(name, detected["text"]) <= 0.25


async def test_deltas_arrive_while_later_utterances_are_still_waiting(live_server: str, store: "redis.Redis") -> None:
    async with httpx.AsyncClient(base_url=live_server, timeout=120) as client:
        form = {"stream": "true", "language": "en", "response_format": "verbose_json"}
        files = {"file": ("long.flac", long_speech(3))}
        async with client.stream("POST", "/v1/audio/transcriptions", data=form, files=files) as reply:
            assert reply.headers["content-type"].startswith("text/event-stream")
            lines = [line async for line in _data_lines(reply, lambda: store.xlen(KEYS.turns("base", "bulk")))]
    (_, outstanding_at_first), *_ = lines
    assert outstanding_at_first > 0, "the first delta came when everything was decoded"
    assert lines[-1][0] == "[DONE]"
    events = [json.loads(line) for line, _ in lines[:-1]]
    assert events[-1]["type"] == "transcript.text.done"
    deltas = [event["delta"] for event in events if event["type"] == "transcript.text.delta"]
    segments = [event for event in events if event["type"] == "transcript.text.segment"]
    assert len(deltas) == len(segments) > 6
    assert "".join(deltas) == events[-1]["text"]
    assert " ".join(segment["text"] for segment in segments) == events[-1]["text"]


async def _data_lines(reply: httpx.Response, look: Any) -> Any:
    """(data, what `look` saw at its arrival) of every server-sent event."""
    async for line in reply.aiter_lines():
        if line.startswith("data: "):
            yield line.removeprefix("data: "), look()


def test_the_sdk_reads_the_stream_of_events(openai: OpenAI) -> None:
    whole = openai.audio.transcriptions.create(model="base", file=("demo.flac", flac("demo")), language="en")
    events = list(
        openai.audio.transcriptions.create(model="base", file=("demo.flac", flac("demo")), language="en", stream=True)
    )
    *deltas, done = events
    assert len(deltas) > 1
    assert {event.type for event in deltas} == {"transcript.text.delta"}
    assert done.type == "transcript.text.done"
    assert "".join(event.delta for event in deltas) == done.text == whole.text


@pytest.mark.parametrize(("file", "duration"), [(silence(4), 4.0), (flac("music"), 10.0)], ids=["silence", "music"])
def test_what_is_not_speech_yields_no_text(api: httpx.Client, file: bytes, duration: float) -> None:
    body = transcribe(api, file, response_format="verbose_json")
    assert (body["text"], body["language"], body["segments"]) == ("", "", [])
    assert body["duration"] == pytest.approx(duration, abs=0.05)
    streamed = api.post("/v1/audio/transcriptions", files={"file": file}, data={"stream": "true"})
    assert [line for line in streamed.text.splitlines() if line][-1] == "data: [DONE]"
    assert "delta" not in streamed.text


@pytest.mark.parametrize("extension", FILES)
def test_every_kind_of_file_says_the_same(api: httpx.Client, extension: str) -> None:
    container, codec, rate = FILES[extension]
    file = encode(samples(CLIP), container, codec, rate)
    body = transcribe(api, file, language="en", response_format="verbose_json")
    assert error_rate(CLIP, body["text"]) < 0.1
    assert body["duration"] == pytest.approx(manifest()[CLIP]["duration"], abs=0.15)


def test_a_client_that_hangs_up_leaves_nothing_behind(
    live_server: str, store: "redis.Redis", neighbour: Neighbour
) -> None:
    async def run(stream: str) -> None:
        async with neighbour(), httpx.AsyncClient(base_url=live_server, timeout=120) as client:
            form = {"language": "en", "stream": stream}
            post = client.post("/v1/audio/transcriptions", files={"file": long_speech(4)}, data=form)
            request = asyncio.create_task(post)
            await until(lambda: recordings_in(store))
            request.cancel()
            await asyncio.gather(request, return_exceptions=True)
            await until(lambda: not recordings_in(store))

    asyncio.run(run("false"))
    asyncio.run(run("true"))


def recordings_in(store: "redis.Redis") -> list[bytes]:
    """Keys of uploads that are being transcribed."""
    return list(store.scan_iter(match="sotto:{r_*", count=1000))


def test_stereo_is_heard_as_one(api: httpx.Client) -> None:
    body = transcribe(api, wav(samples(CLIP), channels=2), language="en")
    assert error_rate(CLIP, body["text"]) < 0.1
