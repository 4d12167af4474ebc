"""A worker that stalled comes back to a turn which another has by now, and that one dies over it."""

from loadtest.chaos.decoder import AudioDecoder
from service.log.publishing import Publisher
from service.log.store import Store
from service.log.turns import Claimed, TurnQueue
from service.worker.batches import Batches
from service.worker.bias_hits import BiasHits
from service.worker.finishing import Finisher
from service.worker.loading import Loaded, Loader
from service.worker.slots import Slots
from tests.contract.test_session_log import Fixture


class Hands:
    """What a worker does with one turn, step by step."""

    def __init__(self, store: Store) -> None:
        publisher = Publisher(store)
        self._loader = Loader(store, publisher)
        finisher = Finisher(publisher, BiasHits(store, self._loader.biases))
        self._batches = Batches(AudioDecoder(), Slots(1), TurnQueue(store, "base"), finisher)

    async def load(self, claimed: Claimed) -> Loaded:
        loaded = await self._loader.load(claimed)
        assert isinstance(loaded, Loaded)
        return loaded

    async def work(self, loaded: Loaded) -> None:
        await self._batches.work([loaded])


async def test_a_final_that_was_given_away_is_not_taken_from_the_queue_by_who_had_it_before(store: Store) -> None:
    session, queue = await Fixture(store).create(), TurnQueue(store, "base")
    await queue.ensure_group()
    await session.append(16_000, end=True)
    await queue.enqueue(session.turn(0, 0, 16_000))
    stalled, second, third = Hands(store), Hands(store), Hands(store)
    [claimed] = await queue.claim("stalled", 1)
    late = await stalled.load(claimed)
    [reclaimed] = await queue.reclaim("second", idle_ms=0, limit=1)
    await second.load(reclaimed)
    await stalled.work(late)
    assert "final" not in "".join(await session.told())
    # the second worker is killed here
    [again] = await queue.reclaim("third", idle_ms=0, limit=1)
    await third.work(await third.load(again))
    assert [told for told in await session.told() if told.startswith("final")]
    assert (await queue.lengths())["final"] == 0


async def test_a_caption_whose_audio_went_with_its_final_is_needless_and_frees_its_place(store: Store) -> None:
    session, queue = await Fixture(store).create(), TurnQueue(store, "base")
    await queue.ensure_group()
    await session.append(16_000)
    assert await session.sessions.request_partial(session.id, session.owner, 0) == "ok"
    await queue.enqueue(session.turn(0, 0, None, "partial"))
    [claimed] = await queue.claim("w", 1)
    await store.redis.delete(store.keys.audio(session.id))
    assert await Loader(store, Publisher(store)).load(claimed) is None
    assert await session.sessions.request_partial(session.id, session.owner, 0) == "ok"
