"""Lists at work: a real server, real speech. "Comedian Mail" is a product here that writes itself Comedien Maille."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.decoding.whisper import DecodeResult, Utterance, WhisperDecoder
from service.gateway.biasing import BiasWish
from service.gateway.context import Gateway
from service.gateway.opening import open_session
from service.gateway.stream_options import StreamOptions
from service.log.publishing import Publisher
from service.log.store import Store
from service.log.tenants import DEFAULT, Tenant
from service.log.turns import TurnQueue
from service.log.workers import WorkerStatus
from service.worker.loading import Loaded, Loader
from service.worker.loop import Worker
from service.worker.slots import Slots
from tests.conftest import DATA
from tests.e2e.raw_stream import RawStream, started
from tests.gateways import gateway_of
from tests.integration.conftest import speech

NAME, HEARD = "Comedien Maille", "Comedian Mail"
TENANT = Tenant(id=DEFAULT)
CLIP = "human-en-vm-newuser.flac"
PIECE = 6_400  # bytes: 200 ms
SILENCE = np.zeros(2 * 16_000, "<i2").tobytes()
PACE = 3.0


def assert_places(final: dict[str, Any], phrase: str) -> None:
    [match] = final["bias"]
    assert match["phrase"] == phrase
    words = final["words"][match["first_word"] : match["first_word"] + match["words"]]
    assert " ".join(word["word"] for word in words).strip(".,!") == phrase
    assert match["heard"].strip(".,!") == HEARD
    assert match["evidence"]["gain"] >= match["evidence"]["needed"]


async def dictated(stream: RawStream, audio: bytes, *, pace: float | None = None) -> list[dict[str, Any]]:
    await stream.audio(audio + SILENCE, pace=pace)
    await stream.say("finish")
    return await stream.to_the_end()


async def test_the_final_of_a_stream_has_the_name_and_tells_its_words(live_server: str) -> None:
    async with started(live_server, keywords=["Zibbledonk", NAME]) as stream:
        await dictated(stream, speech(CLIP))
        finals = stream.of("final")
    [final] = [final for final in finals if NAME in final["text"]]
    assert_places(final, NAME)


async def test_captions_are_never_rewritten_for_a_name(live_server: str) -> None:
    """What is committed stays, and a name is not committed before its final."""
    async with started(live_server, keywords=[NAME], interim=True) as stream:
        await dictated(stream, speech(CLIP), pace=PACE)
        partials, finals = stream.of("partial"), stream.of("final")
    assert any(partial["committed"] for partial in partials)
    texts = {final["id"]: final["text"] for final in finals}
    assert any(NAME in text for text in texts.values())
    assert all(texts[partial["id"]].startswith(partial["committed"]) for partial in partials)


def test_an_upload_has_the_name_and_tells_its_words(live_server: str) -> None:
    form = {"language": "en", "response_format": "verbose_json", "keywords[]": ["Zibbledonk", NAME]}
    with httpx.Client(base_url=live_server, timeout=120) as api, (DATA / CLIP).open("rb") as file:
        answer = api.post("/v1/audio/transcriptions", files={"file": file}, data=form).json()
    [match] = answer["bias"]["matches"]
    assert NAME in answer["text"]
    assert (match["phrase"], match["heard"].strip(".,!")) == (NAME, HEARD)
    assert answer["text"].split()[match["first_word"] :][: match["words"]] == [
        *NAME.split()[:-1],
        f"{NAME.split()[-1]}.",
    ]


@pytest.fixture
async def gateway(store: Store) -> AsyncIterator[Gateway]:
    async with gateway_of(store.url, "test") as gateway:
        yield gateway


async def loaded_turns(gateway: Gateway, store: Store, wish: BiasWish) -> dict[str, Loaded]:
    """What a worker would decode of the clip, by kind of turn: partials before its end, the final behind it."""
    bias = (await gateway.biasing.resolve(TENANT, wish)).bias
    live = await open_session(gateway, TENANT, StreamOptions("base", language="en", interim=True, bias=bias))
    loader, queue = Loader(store, Publisher(store)), TurnQueue(store, "base")
    await queue.ensure_group()
    found: dict[str, Loaded] = {}
    for audio in (speech(CLIP), SILENCE):
        for at in range(0, len(audio), PIECE):
            await live.feed(audio[at : at + PIECE])
        for claimed in await queue.claim("w", 20):
            loaded = await loader.load(claimed)
            if isinstance(loaded, Loaded):
                found[claimed.turn.kind] = loaded
    return found


async def test_partials_watch_a_list_and_finals_use_it(gateway: Gateway, store: Store) -> None:
    turns = await loaded_turns(gateway, store, BiasWish(keywords=[NAME], strength=1.5))
    partial, final = turns["partial"].utterance.options.bias, turns["final"].utterance.options.bias
    assert partial is not None
    assert final is not None
    assert (partial.watch, final.watch) == (True, False)
    assert partial.strength == final.strength == 1.5
    assert partial.lists[0] is final.lists[0]


async def test_without_a_list_turns_have_no_bias(gateway: Gateway, store: Store) -> None:
    turns = await loaded_turns(gateway, store, BiasWish())
    assert {loaded.utterance.options.bias for loaded in turns.values()} == {None}


class Tripping(WhisperDecoder):
    """The real decoder, but for lists, which make it fail."""

    def decode(self, batch: Sequence[Utterance]) -> DecodeResult:
        if any(utterance.options.bias for utterance in batch):
            raise ArithmeticError("a list that nobody thought of")
        return super().decode(batch)


async def test_a_list_that_makes_turns_fail_costs_its_names_but_no_transcript(
    gateway: Gateway, store: Store, base_model_dir: Path
) -> None:
    decoder = Tripping(base_model_dir, device="cpu", compute_type="int8", threads=1)
    status = WorkerStatus("w", "base", "cpu", "int8", slots=1, max_batch=4, busy=0, languages=decoder.languages)
    worker = Worker(store, decoder, status, Slots(1), gather_ms=0, claim_idle_ms=5_000, max_deliveries=3)
    working = asyncio.create_task(worker.run())
    bias = (await gateway.biasing.resolve(TENANT, BiasWish(keywords=[NAME]))).bias
    live = await open_session(gateway, TENANT, StreamOptions("base", language="en", interim=False, bias=bias))
    audio = speech(CLIP) + SILENCE
    for at in range(0, len(audio), PIECE):
        await live.feed(audio[at : at + PIECE])
    await live.finish()
    async with asyncio.timeout(60):
        events = [event async for event in live.events()]
    worker.drain()
    await working
    finals = [event for event in events if event["type"] == "final"]
    assert any(HEARD in final["text"] for final in finals)
    assert all(final["bias"] == [] for final in finals)
    assert "error" not in {event["type"] for event in events}
