"""What lists do to transcripts of real speech: their spelling is written, and nothing else changes."""

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest

from service.audio.pcm import Int16
from service.biasing.entries import MAX_ENTRIES
from service.transcript import SAMPLE_RATE
from tests.e2e.conftest import Neighbour
from tests.e2e.raw_stream import Event, RawStream, connected, started
from tests.e2e.recordings import flac, samples
from tests.e2e.test_bad_messages import refusal

CLIP = "human-en-vm-newuser"  # "Welcome to Comedian Mail. First, I will guide you ..."
PLAIN, FIRST, SECOND = "Comedian Mail", "Komedian Mail", "Comédien Mail"
OTHERS = ["Brunello Cucinelli", "Loewe", "Anna Vasquez-Lindqvist"]
HARMLESS = ["the", "you", "first", "will", "Приветствие", "欢迎", *OTHERS]
BAD = ["", "🍷", "Comedian\x00Mail", "\u0007", "x" * 300, "a b c d e f g h i", *HARMLESS, *OTHERS, 7, {"boost": 2}]
ROUTE = "/v1/audio/transcriptions"
LISTS = "/v1/bias-lists"
PAUSE = np.zeros(SAMPLE_RATE, np.int16)


def spoken() -> Int16:
    """The clip and the silence that ends it."""
    return np.concatenate([samples(CLIP), PAUSE])


def transcribe(url: str, **fields: Any) -> dict[str, Any]:
    form = {"language": "en", "response_format": "verbose_json", "timestamp_granularities[]": "word"} | fields
    reply = httpx.post(f"{url}{ROUTE}", files={"file": ("speech.flac", flac(CLIP))}, data=form, timeout=120)
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


async def finals(stream: RawStream) -> list[Event]:
    """The finals of a stream whose audio was sent, without what differs between streams."""
    await stream.say("finish")
    await stream.to_the_end()
    return [{name: value for name, value in each.items() if name not in ("seq", "id")} for each in stream.of("final")]


async def dictated(url: str, **fields: Any) -> list[Event]:
    async with started(url, **fields) as stream:
        await stream.audio(spoken())
        return await finals(stream)


def spelled(events: list[Event]) -> list[str]:
    """Which of the spellings the finals have, in the order of the speech."""
    text = " ".join(event["text"] for event in events)
    return sorted((name for name in (PLAIN, FIRST, SECOND) if name in text), key=text.index)


def test_an_upload_reads_as_its_keywords_are_spelled(live_server: str) -> None:
    plain = transcribe(live_server)
    assert PLAIN in plain["text"]
    biased = transcribe(live_server, **{"keywords[]": [FIRST, *OTHERS]})
    assert biased["text"] == plain["text"].replace(PLAIN, FIRST)
    [match] = biased["bias"]["matches"]
    assert (match["phrase"], match["words"]) == (FIRST, 2)
    assert match["heard"].strip(" .") == PLAIN
    assert match["evidence"]["gain"] >= match["evidence"]["needed"]
    words = [each["word"] for each in biased["words"]]
    assert " ".join(words[match["first_word"] :][:2]).strip(" .") == FIRST


async def test_a_final_reads_as_its_keywords_are_spelled(live_server: str) -> None:
    plain = await dictated(live_server)
    biased = await dictated(live_server, keywords=[FIRST, *OTHERS])
    assert [each["text"] for each in biased] == [each["text"].replace(PLAIN, FIRST) for each in plain]
    [(final, match)] = [(each, match) for each in biased for match in each["bias"]]
    words = final["words"][match["first_word"] :][: match["words"]]
    assert " ".join(word["word"] for word in words).strip(" .") == match["phrase"] == FIRST
    assert [each["bias"] for each in plain] == [[]] * len(plain)


async def test_configure_counts_from_the_next_utterance(live_server: str) -> None:
    async with started(live_server, keywords=[FIRST]) as stream:
        opening = 2 * SAMPLE_RATE
        await stream.audio(spoken()[:opening])
        await stream.until("speech_started")
        await stream.say("configure", keywords=[SECOND])
        await stream.until("configured")
        await stream.audio(np.concatenate([spoken()[opening:], spoken()]))
        assert spelled(await finals(stream)) == [FIRST, SECOND]


async def test_a_stream_and_who_resumes_it_keep_the_version_that_it_named(live_server: str) -> None:
    async with httpx.AsyncClient(base_url=live_server) as rest, started(live_server) as stream:
        await rest.put(f"{LISTS}/kept", json=[FIRST])
        await stream.say("configure", bias_lists=["kept"])
        await stream.until("configured")
        await rest.put(f"{LISTS}/kept", json=[SECOND])
        await stream.audio(spoken())
        await stream.until("final")
        stream.vanish()
        begun, last = stream.seen[0], stream.seen[-1]["seq"]
        async with connected(live_server) as again:
            await again.say("resume", session=begun["session"], resume_token=begun["resume_token"], last_seq=last)
            sent = (await again.until("resumed"))["bytes"]
            await again.audio(np.concatenate([spoken(), spoken()]).astype("<i2").tobytes()[sent:])
            assert spelled([*stream.of("final"), *await finals(again)]) == [FIRST]
        assert spelled(await dictated(live_server, bias_lists=["kept"])) == [SECOND]


@pytest.mark.parametrize("nothing", [{"bias_strength": 0}, {"keywords": []}, {"keywords": ["🍷"]}])
async def test_without_strength_or_entries_nothing_changes(live_server: str, nothing: dict[str, Any]) -> None:
    assert await dictated(live_server, **({"keywords": [FIRST]} | nothing)) == await dictated(live_server)


async def test_streams_at_once_read_as_their_own_lists(live_server: str) -> None:
    lists: list[list[str]] = [[FIRST], [SECOND], [], [FIRST, *OTHERS], OTHERS] * 2
    everyone = await asyncio.gather(*(dictated(live_server, keywords=keywords) for keywords in lists))
    expected = [keywords[:1] if keywords[:1] in ([FIRST], [SECOND]) else [PLAIN] for keywords in lists]
    assert [spelled(own) for own in everyone] == expected


async def test_uploads_at_once_read_as_their_own_lists(live_server: str) -> None:
    lists = [[FIRST], [SECOND], OTHERS] * 3
    requests = (asyncio.to_thread(transcribe, live_server, **{"keywords[]": each}) for each in lists)
    everyone = await asyncio.gather(*requests)
    assert [spelled([own]) for own in everyone] == [[FIRST], [SECOND], [PLAIN]] * 3


async def test_entries_that_are_bad_or_not_spoken_harm_no_transcript(live_server: str, neighbour: Neighbour) -> None:
    plain = await dictated(live_server)
    async with neighbour():
        biased = await dictated(live_server, keywords=BAD)
        assert [each["text"] for each in biased] == [each["text"] for each in plain]
        assert spelled(await dictated(live_server, keywords=[*BAD, SECOND])) == [SECOND]


async def test_too_many_entries_cost_nobody_else_anything(live_server: str, neighbour: Neighbour) -> None:
    keywords = [f"Kundin Größe {i}" for i in range(MAX_ENTRIES)]
    async with neighbour(), started(live_server, keywords=[FIRST, *keywords[1:]]) as stream:
        async with connected(live_server) as refused:
            await refused.say("start", keywords=[FIRST, *keywords])
            assert await refusal(refused) == ("too_many_entries", "keywords", 1008)
        await stream.audio(spoken())
        assert spelled(await finals(stream)) == [FIRST]
