"""The contract of the turn queues, over the bundled Valkey and Debian's Redis."""

import pytest

from service.log import turns
from service.log.store import Store, TurnKind
from service.log.turns import GROUP, Turn, TurnQueue


def turn(kind: TurnKind, number: int = 0) -> Turn:
    return Turn(kind, f"s_{number}", number, 0, 100 if kind != "partial" else None, None, {"language": "en"})


@pytest.fixture
async def queue(store: Store) -> TurnQueue:
    queue = TurnQueue(store, "base")
    await queue.ensure_group()
    return queue


async def test_a_turn_travels_whole(queue: TurnQueue) -> None:
    await queue.enqueue(turn("partial", 3))
    [claimed] = await queue.claim("w1", 4)
    assert claimed.turn == turn("partial", 3)
    assert claimed.wait_ms >= 0


async def test_turns_enqueued_before_the_first_worker_are_claimed(store: Store) -> None:
    queue = TurnQueue(store, "early")
    await queue.enqueue(turn("final"))
    await queue.ensure_group()
    assert len(await queue.claim("w1", 1)) == 1


async def test_finals_are_claimed_before_partials_before_bulk(queue: TurnQueue) -> None:
    for kind in ("bulk", "partial", "final"):
        await queue.enqueue(turn(kind))  # type: ignore[arg-type]  # a kind by name
    assert [c.turn.kind for c in await queue.claim("w1", 2)] == ["final", "partial"]
    assert [c.turn.kind for c in await queue.claim("w1", 2)] == ["bulk"]


async def test_bulk_gets_its_place_however_many_live_turns_wait(queue: TurnQueue) -> None:
    for i in range(5):
        await queue.enqueue(turn("final", i))
        await queue.enqueue(turn("bulk", i))
    assert [c.turn.kind for c in await queue.claim("w1", 2, bulk_wanted=1)] == ["final", "final", "bulk"]


async def test_two_workers_never_get_the_same_turn(queue: TurnQueue) -> None:
    for i in range(6):
        await queue.enqueue(turn("final", i))
    one, two = await queue.claim("w1", 3), await queue.claim("w2", 3)
    assert len({c.turn.session for c in one + two}) == 6


async def test_waiting_returns_the_next_turn_or_nothing(queue: TurnQueue) -> None:
    assert await queue.wait("w1", 1) == []
    await queue.enqueue(turn("bulk"))
    assert [c.turn.kind for c in await queue.wait("w1", 1000)] == ["bulk"]


async def test_a_silent_workers_turns_are_reclaimed_and_counted(queue: TurnQueue) -> None:
    await queue.enqueue(turn("final"))
    await queue.claim("dead", 1)
    assert await queue.reclaim("w2", idle_ms=60_000, limit=10) == []
    [claimed] = await queue.reclaim("w2", idle_ms=0, limit=10)
    assert claimed.deliveries == 2
    [claimed] = await queue.reclaim("w3", idle_ms=0, limit=10)
    assert claimed.deliveries == 3


async def test_renewing_keeps_a_claim_but_never_takes_one_back(queue: TurnQueue) -> None:
    await queue.enqueue(turn("final", 1))
    await queue.enqueue(turn("partial", 2))
    held = await queue.claim("stalled", 2)
    assert await queue.keep_claims("stalled", held) == {c.key for c in held}
    taken = await queue.reclaim("w2", idle_ms=0, limit=10)
    assert len(taken) == 2
    assert await queue.keep_claims("stalled", held) == set()
    assert len(await queue.keep_claims("w2", taken)) == 2


async def test_renewing_keeps_every_claim_of_a_queue(queue: TurnQueue, store: Store) -> None:
    for number in range(3):
        await queue.enqueue(turn("bulk", number))
    held = await queue.claim("w1", 3)
    ids = [claimed.id for claimed in held]
    await store.redis.xclaim(store.keys.turns("base", "bulk"), GROUP, "w1", 0, ids, idle=60_000, justid=True)
    await queue.keep_claims("w1", held)
    assert await queue.reclaim("w2", idle_ms=30_000, limit=10) == []


async def test_an_acknowledged_turn_leaves_nothing_behind(queue: TurnQueue, store: Store) -> None:
    await queue.enqueue(turn("final"))
    [claimed] = await queue.claim("w1", 1)
    assert (await queue.lengths())["final"] == 1
    await queue.ack(claimed)
    assert (await queue.lengths())["final"] == 0
    assert (await store.redis.xpending(store.keys.turns("base", "final"), GROUP))["pending"] == 0


async def test_a_released_turn_can_be_claimed_by_another(queue: TurnQueue) -> None:
    await queue.enqueue(turn("final", 7))
    [claimed] = await queue.claim("w1", 1)
    await queue.release(claimed)
    [again] = await queue.claim("w2", 1)
    assert again.turn == claimed.turn


async def test_a_dead_letter_says_why(queue: TurnQueue, store: Store) -> None:
    await queue.enqueue(turn("final", 9))
    [claimed] = await queue.claim("w1", 1)
    await queue.bury(claimed, "no audio")
    [(_, letter)] = await store.redis.xrange(store.keys.dead_turns("base"))
    assert letter[b"reason"] == b"no audio"
    assert letter[b"session"] == b"s_9"
    assert await queue.reclaim("w2", idle_ms=0, limit=10) == []


async def test_the_age_of_the_oldest_final_is_known(queue: TurnQueue) -> None:
    assert await queue.oldest_final_ms() == 0
    await queue.enqueue(turn("final"))
    assert await queue.oldest_final_ms() >= 0


async def test_workers_that_are_gone_are_forgotten_but_for_those_that_still_hold_a_turn(
    queue: TurnQueue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "CONSUMER_KEPT_MS", -1)
    for number in range(2):
        await queue.enqueue(turn("final", number))
    [done] = await queue.claim("done", 1)
    [held] = await queue.claim("holds", 1)
    await queue.ack(done)
    await queue.forget_consumers()
    known = await store.redis.xinfo_consumers(store.keys.turns("base", "final"), GROUP)
    assert [consumer["name"] for consumer in known] == [b"holds"]
    assert await queue.keep_claims("holds", [held]) == {held.key}
