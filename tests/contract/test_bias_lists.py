"""The contract of stored bias lists, over the bundled Valkey and Debian's Redis."""

import asyncio
from dataclasses import replace

import pytest

from service.biasing.entries import MAX_ENTRIES, Entry, digest
from service.errors import Conflict, NotFound, TooManyEntries
from service.log.bias_lists import GRACE_S, BiasLists
from service.log.store import Store

BRANDS = (Entry("Brunello Cucinelli", 1.5, ("bru nello cuchinelli",), "it"), Entry("Loro Piana"))
CLIENTS = (Entry("Zoë Straßer"), Entry("李娜"), Entry("Юлия Ким", language="ru"))


@pytest.fixture
def lists(store: Store) -> BiasLists:
    return BiasLists(store, "acme")


async def life_s(store: Store, content_digest: str) -> int:
    """Seconds until entries expire; -1: never, -2: they are gone."""
    return int(await store.redis.ttl(store.keys.bias_entries(content_digest)))


async def test_entries_come_back_as_they_were_put(lists: BiasLists) -> None:
    named = await lists.put("brands", BRANDS + CLIENTS)
    assert await lists.load(named.digest) == BRANDS + CLIENTS
    assert named == await lists.get("brands")
    assert (named.version, named.entries, named.digest) == (1, 5, digest(BRANDS + CLIENTS))


async def test_ten_thousand_entries_are_stored_and_loaded(lists: BiasLists) -> None:
    entries = tuple(Entry(f"Kundin Nummer {i}", sounds_like=(f"number {i}",)) for i in range(MAX_ENTRIES))
    named = await lists.put("all", entries)
    assert await lists.load(named.digest) == entries
    with pytest.raises(TooManyEntries):
        await lists.put("all", (*entries, Entry("one more")))
    with pytest.raises(TooManyEntries):
        await lists.patch("all", add=[Entry("one more")])
    assert (await lists.get("all")).version == 1


async def test_versions_count_up_also_over_a_deletion(lists: BiasLists) -> None:
    assert (await lists.put("brands", BRANDS)).version == 1
    assert (await lists.put("brands", BRANDS)).version == 2
    assert (await lists.delete("brands")).version == 2
    with pytest.raises(NotFound):
        await lists.get("brands")
    assert (await lists.put("brands", CLIENTS)).version == 3


async def test_names_are_listed_without_those_that_were_deleted(lists: BiasLists) -> None:
    assert await lists.names() == []
    kept = [await lists.put(name, BRANDS) for name in ("a", "c")]
    await lists.put("b", CLIENTS)
    await lists.delete("b")
    assert await lists.names() == kept


@pytest.mark.parametrize("change", ["get", "patch", "delete"])
async def test_a_name_that_never_was_is_not_found(lists: BiasLists, change: str) -> None:
    with pytest.raises(NotFound) as caught:
        await getattr(lists, change)("nobody")
    assert caught.value.field == "name"


async def test_a_patch_adds_replaces_and_removes(lists: BiasLists) -> None:
    await lists.put("brands", BRANDS)
    again = replace(BRANDS[0], boost=0.5)
    named = await lists.patch("brands", add=[again, CLIENTS[0]], remove=["  Loro   Piana ", "not on it"])
    assert await lists.load(named.digest) == (again, CLIENTS[0])
    assert (named.version, named.entries) == (2, 2)


async def test_patches_at_the_same_time_are_all_kept(lists: BiasLists) -> None:
    await lists.put("clients", ())
    added = [Entry(f"Client {i}") for i in range(20)]
    changed = await asyncio.gather(*(lists.patch("clients", add=[entry]) for entry in added))
    assert sorted(named.version for named in changed) == list(range(2, 22))
    assert set(await lists.load((await lists.get("clients")).digest)) == set(added)


async def test_a_change_to_another_version_than_expected_is_refused(lists: BiasLists) -> None:
    assert (await lists.put("brands", BRANDS, expected=0)).version == 1
    for change in (lists.put("brands", CLIENTS, expected=0), lists.patch("brands", expected=2)):
        with pytest.raises(Conflict):
            await change
    with pytest.raises(Conflict):
        await lists.delete("brands", expected=2)
    assert (await lists.patch("brands", add=CLIENTS, expected=1)).version == 2


async def test_named_entries_live_for_ever_and_lost_ones_a_while(lists: BiasLists, store: Store) -> None:
    first = await lists.put("brands", BRANDS)
    await lists.put("same", BRANDS)
    await lists.keep([first.digest], 5)
    await lists.put("brands", CLIENTS)
    assert await life_s(store, first.digest) == -1
    await lists.delete("same")
    assert 0 < await life_s(store, first.digest) <= GRACE_S
    assert await lists.load(first.digest) == BRANDS
    await lists.put("again", BRANDS)
    assert await life_s(store, first.digest) == -1


async def test_kept_entries_outlive_their_name(lists: BiasLists, store: Store) -> None:
    named = await lists.put("brands", BRANDS)
    await lists.keep([named.digest], 5000)
    await lists.keep([named.digest], 10)
    await lists.delete("brands")
    assert 4900 < await life_s(store, named.digest) <= 5000


async def test_inline_entries_are_kept_as_long_as_asked(lists: BiasLists, store: Store) -> None:
    interned = await lists.intern(CLIENTS, 100)
    assert await lists.intern(CLIENTS, 50) == interned == digest(CLIENTS)
    assert 90 < await life_s(store, interned) <= 100
    await lists.keep([interned], 300)
    assert 290 < await life_s(store, interned) <= 300
    assert await lists.load(interned) == CLIENTS


async def test_interning_a_named_list_does_not_end_its_life(lists: BiasLists, store: Store) -> None:
    named = await lists.put("brands", BRANDS)
    await lists.intern(BRANDS, 1)
    assert await life_s(store, named.digest) == -1


async def test_entries_that_are_gone_are_not_found_and_not_revived(lists: BiasLists, store: Store) -> None:
    await lists.keep([digest(BRANDS)], 100)
    assert await life_s(store, digest(BRANDS)) == -2
    with pytest.raises(NotFound):
        await lists.load(digest(BRANDS))


async def test_a_change_whose_reply_was_lost_counts_once(lists: BiasLists, store: Store) -> None:
    named = await lists.put("brands", BRANDS)
    raw = await store.redis.hget(store.keys.bias_lists("acme"), "brands")
    entries = store.keys.bias_entries(named.digest)
    again = await store.script(
        "point_bias_list", [store.keys.bias_lists("acme"), entries], ["brands", "", raw, b"x", GRACE_S, 0]
    )
    assert again == b"ok"
    assert await store.redis.hget(entries, "names") == b"1"
