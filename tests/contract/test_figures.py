"""Figures that all processes add to, on every kind of Redis."""

import time

import pytest

from service import metrics
from service.biasing.entries import Entry
from service.log import heartbeats
from service.log.bias_lists import BiasEntries
from service.log.figures import Figures, Teller, slot_of
from service.log.gateways import GatewayRegistry, GatewayStatus, SessionSummary
from service.log.store import Store
from service.log.turns import Turn
from service.worker.bias_cache import BiasCache
from service.worker.bias_hits import BiasHits

WORDS = ("words", 'a "model"\n')


async def test_what_processes_add_to_one_slot_is_their_sum(store: Store) -> None:
    one, other = Figures(store), Figures(store)
    await one.add({WORDS: 3.0, ("refusals", "at_capacity"): 1.0}, at=1_000_000.0)
    await other.add({WORDS: 4.5}, at=1_000_009.9)
    await other.add({WORDS: 1.0}, at=1_000_010.0)
    await one.note({("streams",): 7.0}, at=1_000_000.0)
    await other.note({("streams",): 6.0}, at=1_000_000.0)
    found = await one.read([100_000, 100_001, 100_002])
    assert found[100_000] == {WORDS: 7.5, ("refusals", "at_capacity"): 1.0, ("streams",): 6.0}
    assert found[100_001] == {WORDS: 1.0}
    assert found[100_002] == {}


async def test_slots_expire_after_the_hour(store: Store) -> None:
    await Figures(store).add({WORDS: 1.0})
    assert 3_600 < await store.redis.ttl(store.keys.figures(slot_of(time.time()))) <= 3_660


async def test_process_tells_what_it_counted_since_it_told_last(store: Store) -> None:
    metrics.WORDS.labels("told").inc(5)
    teller, figure = Teller(store), ("words", "told")
    metrics.WORDS.labels("told").inc(2)
    metrics.FINAL_SECONDS.labels("told").observe(0.35)
    await teller.tell()
    await teller.tell()
    metrics.WORDS.labels("told").inc(1)
    await teller.tell()
    now = slot_of(time.time())
    told = list((await Figures(store).read([now - 1, now])).values())
    assert sum(figures.get(figure, 0.0) for figures in told) == 3.0
    assert sum(figures.get(("final_seconds", "told", "0.4"), 0.0) for figures in told) == 1.0
    assert not any(("final_seconds", "told", "0.5") in figures for figures in told)  # buckets are not cumulative


async def test_gateways_that_fell_silent_vanish(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = GatewayRegistry(store)
    session = SessionSummary("s_1", "acme", "sotto", "base", 1.0)
    await registry.announce(GatewayStatus("silent", "h", "1", 1.0, 1, (session,)))
    [known] = await registry.alive()
    assert known.sessions == (session,)
    monkeypatch.setattr(heartbeats, "ALIVE_S", -1.0)
    assert await registry.alive() == []
    assert not await store.redis.exists(store.keys.gateways())


async def test_hits_are_counted_for_the_list_that_has_the_phrase(store: Store) -> None:
    entries = BiasEntries(store)
    first = await entries.intern([Entry("Ann Lee")], 60)
    second = await entries.intern([Entry("Quayside"), Entry("Ann Lee")], 60)
    biases = BiasCache(store)
    bias = {"lists": [first, second], "strength": 1.0}
    await biases.bias(bias, "en")
    turn = Turn("final", "s_1", 0, 0, 10, 10, {"bias": bias})
    hits = BiasHits(store, biases)
    await hits.count(turn, {"type": "final", "bias": [{"phrase": p} for p in ("Quayside", "Ann Lee", "Quayside")]})
    await hits.count(turn, {"type": "final", "bias": []})
    await hits.count(turn, None)
    now = slot_of(time.time())
    told = [figures for figures in (await Figures(store).read([now - 1, now])).values() if figures]
    assert told == [{("bias_hits", first): 1.0, ("bias_hits", second): 2.0}]
