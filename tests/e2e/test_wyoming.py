"""Home Assistant's protocol, by the package's own client, on a real gateway and worker."""

from collections.abc import AsyncIterator, Iterator

import httpx
import numpy as np
import pytest
from wyoming.asr import Transcribe
from wyoming.audio import AudioStart, AudioStop
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping

from loadtest.accuracy import normalise
from service import __version__
from service.transcript import SAMPLE_RATE
from tests.e2e.conftest import Gateways
from tests.e2e.recordings import manifest, samples
from tests.e2e.wyoming_client import answer, connected, listening, pcm, speak, transcript
from tests.unit.audio.encoded import wav

CLIP = "human-en-vm-nobox"
ENGLISH = Transcribe(language="en")


@pytest.fixture
async def api(live_server: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=live_server, timeout=120) as client:
        yield client


@pytest.fixture(scope="module")
def port(gateways: Gateways) -> Iterator[int]:
    with listening(gateways) as port:
        yield port


async def test_the_service_describes_itself(port: int, api: httpx.AsyncClient) -> None:
    async with connected(port) as client:
        await client.write_event(Describe().event())
        event = await client.read_event()
    assert event
    info = Info.from_event(event)
    (program,) = info.asr
    assert (program.name, program.version, program.installed) == ("sotto", __version__, True)
    assert (program.supports_transcript_streaming, program.requires_external_vad) == (True, True)
    (model,) = program.models
    (served,) = (await api.get("/v1/models")).json()["data"]
    assert (model.name, model.installed, model.languages) == (served["id"], True, served["languages"])
    assert program.attribution.url
    assert model.attribution.url
    assert not any((info.tts, info.handle, info.intent, info.wake, info.mic, info.snd, info.satellite))


@pytest.mark.parametrize(
    ("rate", "width", "channels"),
    [(16_000, 2, 1), (8_000, 2, 1), (44_100, 2, 2), (48_000, 4, 2), (22_050, 3, 1), (16_000, 1, 1)],
)
async def test_every_format_gives_the_words_that_were_spoken(port: int, rate: int, width: int, channels: int) -> None:
    audio = pcm(samples(CLIP), rate, width, channels)
    async with connected(port) as client:
        said = await transcript(client, audio, wanted=ENGLISH, rate=rate, width=width, channels=channels)
    assert normalise(said["text"]) == normalise(manifest()[CLIP]["text"])
    assert said["language"] == "en"


async def test_chunks_may_be_cut_inside_a_sample(port: int) -> None:
    audio = pcm(samples(CLIP), SAMPLE_RATE, 3, 1)
    header = b'{"type": "audio-chunk", "data": {"rate": 16000, "width": 3, "channels": 1}, "payload_length": %d}\n'
    async with connected(port) as client:
        assert client._writer
        await client.write_event(ENGLISH.event())
        await client.write_event(AudioStart(SAMPLE_RATE, 3, 1).event())
        for at in range(0, len(audio), 3_001):
            piece = audio[at : at + 3_001]
            client._writer.write(header % len(piece) + piece)
        await client.write_event(AudioStop().event())
        (said,) = [event.data for event in await answer(client) if event.type == "transcript"]
    assert normalise(said["text"]) == normalise(manifest()[CLIP]["text"])


async def test_words_come_while_they_are_spoken_and_add_up_to_the_transcript(port: int) -> None:
    slow = 0.4  # so that words are committed before their utterance ends, whatever else this machine does
    async with connected(port) as client:
        await client.write_event(ENGLISH.event())
        await speak(client, pcm(samples(CLIP), SAMPLE_RATE, 2, 1), pace=slow)
        start, *chunks, whole, stop = await answer(client)
    assert (start.type, start.data) == ("transcript-start", {"language": "en"})
    assert (whole.type, stop.type) == ("transcript", "transcript-stop")
    assert {chunk.type for chunk in chunks} == {"transcript-chunk"}
    texts = [chunk.data["text"] for chunk in chunks]
    assert len(texts) > 1, "one utterance, but its first words before the others"
    assert all(texts)
    assert "".join(texts) == whole.data["text"]


async def test_utterances_are_joined_as_those_of_an_upload(port: int, api: httpx.AsyncClient) -> None:
    speech = samples("demo")[: 13 * SAMPLE_RATE]  # three utterances
    async with connected(port) as client:
        await client.write_event(ENGLISH.event())
        await speak(client, pcm(speech, SAMPLE_RATE, 2, 1))
        _, *chunks, whole, _ = await answer(client)
    assert len(chunks) >= 3
    assert "".join(chunk.data["text"] for chunk in chunks) == whole.data["text"]
    form = {"language": "en"}
    upload = await api.post("/v1/audio/transcriptions", files={"file": ("a.wav", wav(speech))}, data=form)
    assert normalise(whole.data["text"]) == normalise(upload.json()["text"])


async def test_a_language_is_detected_or_taken_from_a_region(port: int) -> None:
    russian = "human-ru-ss-noservice"

    async def of(clip: str, language: str | None) -> tuple[str, list[str]]:
        audio = pcm(samples(clip), SAMPLE_RATE, 2, 1)
        said = await transcript(client, audio, wanted=Transcribe(language=language))
        return said["language"], normalise(said["text"])

    async with connected(port) as client:
        told = await of(russian, "ru")
        assert told[0] == "ru"
        assert [await of(russian, language) for language in (None, "", "ru-RU")] == [told] * 3
        assert (await of(CLIP, "EN_us"))[0] == "en"


async def test_without_a_language_later_utterances_keep_their_spaces(port: int) -> None:
    audio = pcm(samples("demo")[: 13 * SAMPLE_RATE], SAMPLE_RATE, 2, 1)
    async with connected(port) as client:
        await speak(client, audio)  # without transcribe, too
        *chunks, whole, _ = await answer(client)
    text = whole.data["text"]
    assert "".join(chunk.data["text"] for chunk in chunks[1:]) == text
    assert normalise("party! The person")[-2:] == normalise(text[text.index("party") :])[1:3]
    assert whole.data["language"] == "en"


async def test_a_connection_carries_one_recording_after_the_other(port: int) -> None:
    first, second = CLIP, "human-fr-ss-noservice"
    async with connected(port) as client:
        for clip in (first, second):
            await client.write_event(Transcribe(name="whisper-1", language=manifest()[clip]["language"]).event())
            await speak(client, pcm(samples(clip), SAMPLE_RATE, 2, 1))  # the second before the first is answered
        said = [[event.data for event in await answer(client) if event.type == "transcript"] for _ in range(2)]
    assert [answered["language"] for (answered,) in said] == ["en", "fr"]
    assert normalise(said[0][0]["text"]) == normalise(manifest()[first]["text"])
    assert "service" in said[1][0]["text"]


@pytest.mark.parametrize("seconds", [0, 2])
async def test_where_nothing_is_said_the_transcript_is_empty(port: int, seconds: int) -> None:
    async with connected(port) as client:
        await client.write_event(ENGLISH.event())
        await speak(client, bytes(2 * SAMPLE_RATE * seconds))
        events = await answer(client)
    assert [event.type for event in events] == ["transcript-start", "transcript", "transcript-stop"]
    assert events[1].data == {"text": "", "language": "en"}


async def test_names_that_may_be_spoken_are_written_as_named(port: int) -> None:
    audio = pcm(samples("human-en-vm-newuser"), SAMPLE_RATE, 2, 1)
    async with connected(port) as client:
        plain = await transcript(client, audio, wanted=ENGLISH)
        named = Transcribe(language="en", transcript_names=["Komedian Male", 7], transcript_terms=["Kumquat"])
        biased = await transcript(client, audio, wanted=named)
    assert "Komedian Male" not in plain["text"]
    assert "Komedian Male" in biased["text"]
    assert "Kumquat" not in biased["text"]


async def test_pings_are_answered_at_any_time_and_unknown_events_ignored(port: int) -> None:
    audio = np.asarray(samples(CLIP))
    async with connected(port) as client:
        await client.write_event(Ping("before").event())
        pong = await client.read_event()
        assert pong
        assert (pong.type, pong.data["text"]) == ("pong", "before")
        await client.write_event(Event("run-satellite", {"deeply": [{"unknown": None}]}, b"\0\xff"))
        await client.write_event(Transcribe(language="en", context={"id": 1}, vad_sensitivity="relaxed").event())
        await client.write_event(AudioStart(SAMPLE_RATE, 2, 1).event())
        await client.write_event(Ping("within").event())
        kinds = []
        while (event := await client.read_event()) and event.type != "pong":
            kinds.append(event.type)
        assert kinds in ([], ["transcript-start"])
        await client.write_event(Event("voice-started"))
        await client.write_event(AudioStop().event())
        assert (await answer(client))[-2].data["text"] == ""
        said = await transcript(client, pcm(audio, SAMPLE_RATE, 2, 1), wanted=ENGLISH)
    assert normalise(said["text"]) == normalise(manifest()[CLIP]["text"])
