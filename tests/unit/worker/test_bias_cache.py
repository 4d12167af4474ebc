"""A worker's bias lists, over the bundled Valkey and Debian's Redis."""

import asyncio
from typing import Any

import pytest

from service.biasing.bias import BiasList
from service.biasing.entries import Entry
from service.log.bias_lists import BiasEntries
from service.log.store import Store
from service.worker.bias_cache import BiasCache

TTL_S = 60
BRANDS, CLIENTS = (Entry("Loewe"), Entry("Dior", boost=2.0)), (Entry("Юлия Ким"),)
UNKNOWN = "0" * 32


async def wanted(store: Store, *lists: tuple[Entry, ...], strength: float = 1.0) -> dict[str, Any]:
    """What a turn carries, once its lists are stored."""
    return {"lists": [await BiasEntries(store).intern(each, TTL_S) for each in lists], "strength": strength}


async def lists_of(cache: BiasCache, wish: dict[str, Any] | None, language: str | None = "en") -> list[BiasList]:
    bias = await cache.bias(wish, language)
    return list(bias.lists) if bias else []


async def test_a_turn_gets_the_entries_it_names_in_order(store: Store) -> None:
    bias = await BiasCache(store).bias(await wanted(store, CLIENTS, BRANDS, strength=1.5), "en")
    assert bias is not None
    assert [each.entries for each in bias.lists] == [CLIENTS, BRANDS]
    assert bias.strength == 1.5
    assert not bias.watch


@pytest.mark.parametrize("nothing", [None, {}])
async def test_a_turn_without_a_bias_gets_none(store: Store, nothing: dict[str, Any] | None) -> None:
    assert await BiasCache(store).bias(nothing, "en") is None


async def test_two_turns_share_one_list_and_what_was_compiled_of_it(store: Store) -> None:
    cache = BiasCache(store)
    [first] = await lists_of(cache, await wanted(store, BRANDS))
    compiled = first.compiled("en")
    [second] = await lists_of(cache, await wanted(store, BRANDS, strength=2.0))
    assert second is first
    assert second.compiled("en") is compiled


async def test_turns_that_come_at_once_share_it_too(store: Store) -> None:
    cache, wish = BiasCache(store), await wanted(store, BRANDS)
    found = await asyncio.gather(*(lists_of(cache, wish) for _ in range(5)))
    assert len({id(each) for [each] in found}) == 1


async def test_a_loaded_list_needs_redis_no_more(store: Store) -> None:
    cache, wish = BiasCache(store), await wanted(store, BRANDS)
    [loaded] = await lists_of(cache, wish)
    await store.redis.flushall()
    assert await lists_of(cache, wish) == [loaded]


async def test_a_list_that_is_gone_is_left_out_and_said(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    cache, wish = BiasCache(store), await wanted(store, BRANDS)
    some = await cache.bias({"lists": [UNKNOWN, *wish["lists"]], "strength": 1.0}, "en")
    assert some is not None
    assert [each.entries for each in some.lists] == [BRANDS]
    assert [getattr(record, "digest", None) for record in caplog.records] == [UNKNOWN]
    assert await cache.bias({"lists": [UNKNOWN], "strength": 1.0}, "en") is None


async def test_a_list_that_comes_back_counts_again(store: Store) -> None:
    cache, wish = BiasCache(store), await wanted(store, BRANDS)
    await store.redis.flushall()
    assert await lists_of(cache, wish) == []
    await wanted(store, BRANDS)
    assert [each.entries for each in await lists_of(cache, wish)] == [BRANDS]


async def test_lists_are_compiled_where_the_language_is_known(store: Store) -> None:
    cache = BiasCache(store)
    [compiled] = await lists_of(cache, await wanted(store, BRANDS), "fr")
    assert compiled.nbytes > 0
    [waiting] = await lists_of(cache, await wanted(store, CLIENTS), None)
    assert waiting.nbytes == 0


async def test_what_was_used_least_recently_makes_room(store: Store) -> None:
    many = [tuple(Entry(f"Client {number} of {letter}") for number in range(100)) for letter in "abc"]
    wishes = [await wanted(store, each) for each in many]
    [sample] = await lists_of(BiasCache(store), wishes[0])
    cache = BiasCache(store, max_bytes=round(2.5 * sample.nbytes))
    [first] = await lists_of(cache, wishes[0])
    [second] = await lists_of(cache, wishes[1])
    assert await lists_of(cache, wishes[0]) == [first]
    await lists_of(cache, wishes[2])
    assert await lists_of(cache, wishes[0]) == [first]
    assert await lists_of(cache, wishes[1]) != [second]


async def test_a_list_over_the_limit_is_used_all_the_same(store: Store) -> None:
    cache = BiasCache(store, max_bytes=1)
    [used] = await lists_of(cache, await wanted(store, BRANDS))
    assert used.entries == BRANDS
    assert used.nbytes > 1
