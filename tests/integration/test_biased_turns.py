"""Which lists a stream's turns carry: read from the queues of a real Redis, where no worker takes them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.biasing.entries import MAX_ENTRIES, Entry, digest
from service.errors import BadRequest, TooManyEntries, UnknownList
from service.gateway.biasing import Bias, BiasWish
from service.gateway.context import Gateway
from service.gateway.live_session import LiveSession
from service.gateway.opening import open_session, resume_session
from service.gateway.recording import RecordingOptions
from service.gateway.stream_options import StreamOptions
from service.log.event_log import EventLog
from service.log.store import Store
from service.log.tenants import DEFAULT, Tenant
from tests.gateways import gateway_of
from tests.integration.conftest import speech

FIRST, SECOND = digest((Entry("Loewe"),)), digest((Entry("Dior"),))
TENANT = Tenant(id=DEFAULT)
PIECE = 6_400  # bytes: 200 ms
TWO_UTTERANCES = speech()[: 21 * 16_000]


@pytest.fixture
async def gateway(store: Store) -> AsyncIterator[Gateway]:
    async with gateway_of(store.url, "test") as gateway:
        yield gateway


async def bias_of(gateway: Gateway, *keywords: str, **wish: Any) -> Bias:
    return (await gateway.biasing.resolve(TENANT, BiasWish(keywords=list(keywords), **wish))).bias


async def open_stream(gateway: Gateway, bias: Bias) -> LiveSession:
    return await open_session(gateway, TENANT, StreamOptions("base", bias=bias))


async def configure(live: LiveSession, bias: Bias) -> None:
    await live.configure(StreamOptions("base", bias=bias))


async def feed(live: LiveSession, audio: bytes, *, until_open: bool = False) -> bytes:
    """Feeds audio, or as much as opens an utterance; what is left."""
    while audio and not (until_open and live._ingest.endpointer.open_utterance):
        await live.feed(audio[:PIECE])
        audio = audio[PIECE:]
    return audio


async def lists_of_finals(store: Store) -> dict[int, list[str]]:
    """The digests that the final turn of each utterance carries."""
    turns = await store.redis.xrange(store.keys.turns("base", "final"))
    options = {int(fields[b"utterance"]): json.loads(fields[b"options"]) for _, fields in turns}
    return {utterance: carried.get("bias", {}).get("lists", []) for utterance, carried in options.items()}


async def test_an_utterance_keeps_the_bias_it_began_with(gateway: Gateway, store: Store) -> None:
    live = await open_stream(gateway, await bias_of(gateway, "Loewe"))
    rest = await feed(live, TWO_UTTERANCES, until_open=True)
    await configure(live, Bias())
    await configure(live, await bias_of(gateway, "Dior"))
    await feed(live, rest)
    await live.finish()
    assert await lists_of_finals(store) == {0: [FIRST], 1: [SECOND]}


async def test_a_resumed_stream_keeps_it_too(gateway: Gateway, store: Store) -> None:
    live = await open_stream(gateway, await bias_of(gateway, "Loewe"))
    await feed(live, TWO_UTTERANCES, until_open=True)
    await configure(live, await bias_of(gateway, "Dior"))
    await live.settle()
    await live.close()
    [started, *_] = await EventLog(store, live.id).after(0)
    again = await resume_session(gateway, TENANT, live.id, started["resume_token"], started["seq"])
    await feed(again, TWO_UTTERANCES[again._ingest.bytes_fed :])
    await again.finish()
    assert await lists_of_finals(store) == {0: [FIRST], 1: [SECOND]}


async def test_without_a_bias_turns_carry_none(gateway: Gateway) -> None:
    weightless = Bias(keywords=FIRST, keyword_count=1, strength=0.0)
    empty = (await gateway.biasing.resolve(TENANT, BiasWish(keywords=["", "🍷"], strength=2.0))).bias
    for bias in (Bias(), weightless, empty):
        assert "bias" not in StreamOptions("base", bias=bias).for_turn(0)
        assert "bias" not in RecordingOptions("base", bias=bias).for_turn()


async def test_lists_stay_small_on_their_way(gateway: Gateway, store: Store) -> None:
    bias = await bias_of(gateway, *(f"Client {i}" for i in range(MAX_ENTRIES)), strength=1.5)
    assert bias.entries == MAX_ENTRIES
    carried = StreamOptions("base", bias=bias).for_turn(0)
    assert carried["bias"] == {"lists": [bias.keywords], "strength": 1.5}
    assert len(json.dumps(carried)) < 200


async def test_inline_entries_come_before_lists_and_empty_lists_not_at_all(gateway: Gateway) -> None:
    lists = gateway.biasing.lists_of(TENANT)
    named = await lists.put("brands", [Entry("Dior")])
    await lists.put("nobody", [])
    bias = await bias_of(gateway, "Loewe", bias_lists=["nobody", "brands", "nobody"])
    assert bias.digests == (FIRST, SECOND)
    assert [each.name for each in bias.lists] == ["nobody", "brands"]
    assert bias.lists[1] == named


async def test_options_survive_being_stored(gateway: Gateway) -> None:
    await gateway.biasing.lists_of(TENANT).put("brands", [Entry("Dior")])
    bias = await bias_of(gateway, "Loewe", bias_lists=["brands"], strength=0.5)
    stream = StreamOptions("base", bias=Bias()).following(StreamOptions("base", bias=bias), 7)
    assert StreamOptions.load(json.loads(json.dumps(stream.dump()))) == stream
    recording = RecordingOptions("base", bias=bias)
    assert RecordingOptions.load(json.loads(json.dumps(recording.dump()))) == recording


async def test_options_of_an_earlier_gateway_are_without_bias() -> None:
    stored = StreamOptions("base").dump()
    del stored["bias"], stored["began_with"]
    assert StreamOptions.load(stored) == StreamOptions("base")


async def test_a_wish_changes_what_it_names_and_nothing_else(gateway: Gateway) -> None:
    resolve = gateway.biasing.resolve
    first = await gateway.biasing.lists_of(TENANT).put("brands", [Entry("Dior")])
    now = (await resolve(TENANT, BiasWish(["Loewe"], ["brands"], 0.5))).bias
    await gateway.biasing.lists_of(TENANT).put("brands", [Entry("Fendi")])
    assert (await resolve(TENANT, BiasWish(), now)).bias == now
    stronger = (await resolve(TENANT, BiasWish(strength=2.0), now)).bias
    assert (stronger.keywords, stronger.lists, stronger.strength) == (FIRST, (first,), 2.0)
    assert (await resolve(TENANT, BiasWish(keywords=[]), now)).bias.digests == (SECOND,)
    again = (await resolve(TENANT, BiasWish(bias_lists=["brands"]), now)).bias
    assert (again.keywords, again.lists[0].version, again.strength) == (FIRST, 2, 0.5)
    assert (await resolve(TENANT, BiasWish(bias_lists=[]), now)).bias.digests == (FIRST,)


@pytest.mark.parametrize(
    ("wish", "error", "field"),
    [
        (BiasWish(bias_lists=["no-such-list"]), UnknownList, "bias_lists"),
        (BiasWish(bias_lists=["\ud83d"]), BadRequest, "bias_lists"),
        (BiasWish(keywords=["x"] * (MAX_ENTRIES + 1)), TooManyEntries, "keywords"),
        (BiasWish(keywords=["Loewe"], bias_lists=["full"]), TooManyEntries, "bias_lists"),
        (BiasWish(strength=float("nan")), BadRequest, "bias_strength"),
        (BiasWish(strength=-0.1), BadRequest, "bias_strength"),
    ],
)
async def test_what_cannot_be_done_names_the_field(
    gateway: Gateway, wish: BiasWish, error: type[BadRequest], field: str
) -> None:
    await gateway.biasing.lists_of(TENANT).put("full", [Entry(f"Client {i}") for i in range(MAX_ENTRIES)])
    with pytest.raises(error) as caught:
        await gateway.biasing.resolve(TENANT, wish)
    assert caught.value.field == field


async def test_what_a_stream_holds_outlives_its_name_until_the_stream_lets_go(gateway: Gateway, store: Store) -> None:
    lists = gateway.biasing.lists_of(TENANT)
    await lists.put("brands", [Entry("Dior")])
    live = await open_stream(gateway, await bias_of(gateway, bias_lists=["brands"]))
    await lists.delete("brands")
    assert await lists.load(SECOND) == (Entry("Dior"),)
    key = store.keys.bias_entries(SECOND)
    await store.redis.expire(key, 5)
    await gateway.biasing.renew()
    assert await store.redis.ttl(key) > 60
    await live.close()
    await store.redis.expire(key, 5)
    await gateway.biasing.renew()
    assert await store.redis.ttl(key) <= 5
