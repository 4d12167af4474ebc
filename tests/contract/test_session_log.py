"""The contract of the Redis layer, over the bundled Valkey and Debian's Redis."""

import asyncio

import numpy as np
import pytest

from service.errors import BadAudio, NotFound, Unauthorized
from service.log.audio_log import AudioLog, Chunk, EndpointMark
from service.log.event_log import EventLog
from service.log.publishing import Lease, Publisher
from service.log.sessions import Sessions, new_id
from service.log.store import SCRIPTS, Keys, Store
from service.log.turns import Turn

OPTIONS = {"language": "en"}


class Fixture:
    """A session of one owner, written step by step."""

    def __init__(self, store: Store, owner: str = "gw/1") -> None:
        self.store = store
        self.id = new_id("s")
        self.owner = owner
        self.sessions = Sessions(store, resume_ttl_s=60)
        self.log = AudioLog(store, self.id)
        self.events = EventLog(store, self.id)
        self.publisher = Publisher(store)
        self.number = self.samples = self.ended = 0

    async def create(self) -> "Fixture":
        await self.sessions.create(
            self.id, owner=self.owner, wake="w", token="secret", options={"a": 1}, first={"type": "started"}
        )
        return self

    async def append(
        self, samples: int, *, end: bool = False, start: int = 0, ack: bool = False, owner: str = ""
    ) -> str:
        chunk = self.chunk(samples, end=end, start=start, ack=ack)
        status, _ = await self.log.append(owner or self.owner, chunk, ttl_s=60)
        if status == "ok":
            self.samples, self.ended = chunk.samples_after, chunk.ended
        return status

    def chunk(self, samples: int, *, end: bool = False, start: int = 0, ack: bool = False) -> Chunk:
        self.number += 1
        after = self.samples + samples
        pcm = np.arange(self.samples, after, dtype=np.int64).astype(np.int16)
        marks = (EndpointMark(self.ended, start, after, after, OPTIONS),) if end else ()
        return Chunk(
            number=self.number,
            pcm=pcm,
            samples_before=self.samples,
            samples_after=after,
            bytes_after=after * 2,
            snapshot=b"snap",
            keep_from=start,
            ended=self.ended + end,
            marks=marks,
            ack=ack,
        )

    def turn(self, utterance: int, start: int, end: int | None, kind: str = "final", *, draft: bool = False) -> Turn:
        return Turn(kind, self.id, utterance, start, end, end, OPTIONS, draft)  # type: ignore[arg-type]  # a kind by name

    async def begin(self, turn: Turn) -> Lease:
        lease = await self.publisher.begin(turn)
        assert isinstance(lease, Lease)
        return lease

    async def told(self) -> list[str]:
        return [event["type"] + event.get("text", "") for event in await self.events.after(0)]


@pytest.fixture
async def session(store: Store) -> Fixture:
    return await Fixture(store).create()


def test_all_keys_of_a_script_share_a_cluster_slot() -> None:
    from redis.cluster import key_slot

    keys = Keys("sotto")
    session = {key_slot(key("s_1").encode()) for key in (keys.state, keys.audio, keys.events, keys.meter, keys.kept)}
    turns = {key_slot(keys.turns("base", kind).encode()) for kind in ("final", "partial", "bulk")}  # type: ignore[arg-type]
    of_lists = (keys.bias_lists("acme"), keys.bias_lists("other"), keys.bias_entries("0"), keys.bias_entries("1"))
    lists = {key_slot(key.encode()) for key in of_lists}
    tenant = {
        key_slot(key.encode())
        for key in (
            keys.tenant_requests("acme"),
            keys.tenant_streams("acme"),
            keys.tenant_allowance("acme"),
            keys.tenant_account("acme", "s_1"),
            keys.tenant_usage("acme", "2026-11-21"),
        )
    }
    assert len(session) == len(turns) == len(lists) == len(tenant) == 1
    assert len(SCRIPTS) == 23


async def test_reads_back_exactly_the_samples_asked_for_across_chunks(session: Fixture) -> None:
    for _ in range(5):
        await session.append(1000)
    read = await session.log.read(700, 3300)
    assert read.tolist() == list(range(700, 3300))
    assert (await session.log.read(1000, 2000)).tolist() == list(range(1000, 2000))


async def test_samples_that_are_not_there_are_named_not_made_up(session: Fixture) -> None:
    await session.append(1000)
    with pytest.raises(NotFound):
        await session.log.read(500, 1500)


async def test_a_damaged_entry_is_bad_audio(session: Fixture) -> None:
    await session.append(100)
    await session.store.redis.xadd(session.store.keys.audio(session.id), {"pcm": b"odd"}, id="200-0")
    with pytest.raises(BadAudio):
        await session.log.read(0, 200)


async def test_an_append_whose_reply_was_lost_can_be_repeated(session: Fixture) -> None:
    chunk = session.chunk(1000, ack=True)
    for _ in range(2):
        assert (await session.log.append(session.owner, chunk, ttl_s=60))[0] == "ok"
    assert (await session.log.read(0, 1000)).tolist() == list(range(1000))
    assert await session.told() == ["started", "ack"]


async def test_only_the_owner_may_append(session: Fixture) -> None:
    assert await session.append(100, owner="gw/other") == "taken"
    assert await session.append(100) == "ok"


async def test_a_session_that_expired_is_gone(session: Fixture) -> None:
    await session.sessions.delete(session.id)
    assert await session.append(100) == "gone"
    assert await session.publisher.begin(session.turn(0, 0, 100)) == "gone"


async def test_taking_over_needs_the_token_and_ends_the_old_owner(session: Fixture) -> None:
    await session.append(1000, end=True)
    with pytest.raises(Unauthorized):
        await session.sessions.take_over(session.id, token="wrong", owner="gw/2", wake="w2")
    record = await session.sessions.take_over(session.id, token="secret", owner="gw/2", wake="w2")
    assert (record.samples, record.bytes_safe, record.snapshot, record.ended) == (1000, 2000, b"snap", 1)
    assert record.options == {"a": 1}
    assert await session.append(100) == "taken"
    assert (await session.told())[-1] == "resumed"
    assert [mark.utterance for mark in await session.log.endpoints_after(0)] == [0]


async def test_a_partial_that_lost_its_lease_is_not_published(session: Fixture) -> None:
    await session.append(1000)
    turn = session.turn(0, 0, None, "partial")
    slow, fast = await session.begin(turn), await session.begin(turn)
    assert await session.publisher.partial(turn, slow, b"", {"type": "partial", "text": "slow"}) == "stale"
    assert await session.publisher.partial(turn, fast, b"A", {"type": "partial", "text": "fast"}) == "ok"
    assert (await session.begin(turn)).agreement == b"A"
    assert await session.told() == ["started", "partialfast"]


async def test_a_partial_replaces_the_one_before_it_in_the_log(session: Fixture) -> None:
    await session.append(1000)
    turn = session.turn(0, 0, None, "partial")
    for text in ("a", "b", "c"):
        await session.publisher.partial(turn, await session.begin(turn), b"", {"type": "partial", "text": text})
    assert await session.told() == ["started", "partialc"]


async def test_no_partial_is_published_once_its_utterance_has_ended(session: Fixture) -> None:
    await session.append(500)
    turn = session.turn(0, 0, None, "partial")
    lease = await session.begin(turn)
    await session.append(500, end=True)
    assert await session.publisher.partial(turn, lease, b"A", {"type": "partial"}) == "done"
    assert await session.publisher.begin(turn) == "done"


async def test_only_one_partial_may_be_outstanding(session: Fixture) -> None:
    await session.append(1000)
    ask = session.sessions.request_partial
    assert await ask(session.id, session.owner, 0) == "ok"
    assert await ask(session.id, session.owner, 0) == "busy"
    turn = session.turn(0, 0, None, "partial")
    await session.publisher.partial(turn, await session.begin(turn), b"", None)
    assert await ask(session.id, session.owner, 0) == "ok"


async def test_finals_come_out_in_order_whatever_order_they_are_published_in(session: Fixture) -> None:
    turns = []
    for i in range(3):
        await session.append(1000, end=True, start=session.samples)
        turns.append(session.turn(i, i * 1000, (i + 1) * 1000))
    for i in (2, 0, 1):
        lease = await session.begin(turns[i])
        assert (
            await session.publisher.final(turns[i], lease, turns[i].end or 0, {"type": "final", "text": str(i)}) == "ok"
        )
        if i == 2:
            assert await session.told() == ["started"]
    assert await session.told() == ["started", "final0", "final1", "final2"]


async def test_a_worker_whose_turn_was_given_away_cannot_publish_a_final(session: Fixture) -> None:
    await session.append(1000, end=True)
    turn = session.turn(0, 0, 1000)
    stalled, second = await session.begin(turn), await session.begin(turn)
    assert await session.publisher.final(turn, stalled, 1000, {"type": "final", "text": "stalled"}) == "stale"
    assert await session.publisher.final(turn, second, 1000, {"type": "final", "text": "second"}) == "ok"
    assert await session.publisher.begin(turn) == "done"
    assert await session.told() == ["started", "finalsecond"]


async def test_a_published_final_frees_its_audio(session: Fixture) -> None:
    for _ in range(40):
        await session.append(1600)
    await session.append(1600, end=True)
    turn = session.turn(0, 0, session.samples)
    await session.publisher.final(turn, await session.begin(turn), session.samples, None)
    assert await session.store.redis.xlen(session.store.keys.audio(session.id)) < 5


async def test_silence_is_trimmed_as_it_comes(session: Fixture) -> None:
    for _ in range(100):
        session.number += 1
        after = session.samples + 1600
        chunk = Chunk(
            session.number, np.zeros(1600, np.int16), session.samples, after, after * 2, b"", max(0, after - 16000), 0
        )
        assert (await session.log.append(session.owner, chunk, ttl_s=60))[0] == "ok"
        session.samples = after
    assert await session.store.redis.xlen(session.store.keys.audio(session.id)) < 20


async def test_finished_follows_the_last_final(session: Fixture) -> None:
    await session.append(1000, end=True)
    await session.sessions.finish(session.id, session.owner, utterances=1, duration_s=1.0)
    assert "finished" not in await session.told()
    turn = session.turn(0, 0, 1000)
    await session.publisher.final(turn, await session.begin(turn), 1000, {"type": "final", "text": "x"})
    assert (await session.told())[-2:] == ["finalx", "finished"]
    assert not await session.store.redis.exists(session.store.keys.audio(session.id))


async def test_finishing_without_speech_answers_at_once(session: Fixture) -> None:
    await session.sessions.finish(session.id, session.owner, utterances=0, duration_s=0.0)
    assert await session.told() == ["started", "finished"]


async def test_every_key_of_a_session_expires(session: Fixture) -> None:
    await session.append(1000, end=True)
    turn = session.turn(0, 0, 1000)
    await session.publisher.final(turn, await session.begin(turn), 1000, {"type": "final", "text": "x"})
    keys = [key async for key in session.store.redis.scan_iter("test:*")]
    assert keys
    for key in keys:
        assert 0 < await session.store.redis.ttl(key) <= 60, key


async def test_concurrent_publishers_of_one_final_leave_one_event(session: Fixture) -> None:
    await session.append(1000, end=True)
    turn = session.turn(0, 0, 1000)

    async def publish(i: int) -> str:
        lease = await session.publisher.begin(turn)
        if not isinstance(lease, Lease):
            return lease
        return await session.publisher.final(turn, lease, 1000, {"type": "final", "text": str(i)})

    outcomes = await asyncio.gather(*(publish(i) for i in range(20)))
    assert outcomes.count("ok") == 1
    assert len(await session.told()) == 2


# ---- drafts: finals begun in a pause

DRAFT_EVENT = {"type": "final", "text": "draft"}


async def test_a_draft_becomes_the_final_without_another_decode(session: Fixture) -> None:
    await session.append(1000)
    draft = session.turn(0, 0, 1000, draft=True)
    lease = await session.begin(draft)
    assert await session.publisher.draft(draft, lease, DRAFT_EVENT, "en", {"type": "partial"}) == "ok"
    assert await session.told() == ["started", "partial"]
    await session.append(0, end=True)
    final = session.turn(0, 0, 1000)
    lease = await session.begin(final)
    assert lease.is_drafted
    assert lease.drafted == DRAFT_EVENT
    assert await session.publisher.final(final, lease, 1000, lease.drafted, "en") == "ok"
    assert await session.told() == ["started", "partial", "finaldraft"]


async def test_a_draft_of_a_pause_that_was_not_the_end_is_not_used(session: Fixture) -> None:
    await session.append(1000)
    draft = session.turn(0, 0, 1000, draft=True)
    await session.publisher.draft(draft, await session.begin(draft), DRAFT_EVENT, "en", None)
    await session.append(1000, end=True)
    assert not (await session.begin(session.turn(0, 0, 2000))).is_drafted


async def test_a_final_leaves_its_utterance_to_the_draft_being_decoded(session: Fixture) -> None:
    await session.append(1000)
    draft = session.turn(0, 0, 1000, draft=True)
    lease = await session.begin(draft)
    await session.append(0, end=True)
    assert await session.publisher.begin(session.turn(0, 0, 1000)) == "deferred"
    assert await session.publisher.draft(draft, lease, DRAFT_EVENT, "en", None) == "confirmed"
    assert await session.publisher.final(draft, lease, 1000, DRAFT_EVENT, "en") == "ok"
    assert (await session.told())[-1] == "finaldraft"


async def test_a_draft_whose_worker_died_is_taken_up_after_its_final_was_deferred(session: Fixture) -> None:
    await session.append(1000)
    draft = session.turn(0, 0, 1000, draft=True)
    dead = await session.begin(draft)
    await session.append(0, end=True)
    assert await session.publisher.begin(session.turn(0, 0, 1000)) == "deferred"
    second = await session.begin(draft)
    assert await session.publisher.draft(draft, dead, DRAFT_EVENT, "en", None) == "stale"
    assert await session.publisher.draft(draft, second, DRAFT_EVENT, "en", None) == "confirmed"


async def test_a_draft_is_done_again_when_more_words_were_committed_meanwhile(session: Fixture) -> None:
    await session.append(1000)
    draft, partial = session.turn(0, 0, 1000, draft=True), session.turn(0, 0, None, "partial")
    lease = await session.begin(draft)
    await session.publisher.partial(partial, await session.begin(partial), b"more words", {"type": "partial"})
    await session.append(0, end=True)
    assert await session.publisher.begin(session.turn(0, 0, 1000)) == "deferred"
    assert await session.publisher.draft(draft, lease, DRAFT_EVENT, "en", None) == "redo"
    assert not (await session.begin(session.turn(0, 0, 1000))).is_drafted


async def test_a_finished_draft_is_not_used_when_more_words_were_committed_after_it(session: Fixture) -> None:
    await session.append(1000)
    draft, partial = session.turn(0, 0, 1000, draft=True), session.turn(0, 0, None, "partial")
    await session.publisher.draft(draft, await session.begin(draft), DRAFT_EVENT, "en", None)
    await session.publisher.partial(partial, await session.begin(partial), b"more words", {"type": "partial"})
    await session.append(0, end=True)
    assert not (await session.begin(session.turn(0, 0, 1000))).is_drafted


async def test_a_draft_that_comes_again_after_its_utterance_ended_does_not_have_the_final_left_to_it(
    session: Fixture,
) -> None:
    await session.append(1000)
    draft = session.turn(0, 0, 1000, draft=True)
    await session.begin(draft)  # by a worker that dies, or gives it back
    await session.append(0, end=True)
    assert await session.publisher.begin(draft) == "done"
    final = session.turn(0, 0, 1000)
    assert await session.publisher.final(final, await session.begin(final), 1000, DRAFT_EVENT, "en") == "ok"


async def test_a_draft_that_comes_after_its_final_is_dropped(session: Fixture) -> None:
    await session.append(1000, end=True)
    assert await session.publisher.begin(session.turn(0, 0, 1000, draft=True)) == "done"


async def test_a_draft_of_the_next_utterance_does_not_disturb_one_that_a_final_was_left_to(session: Fixture) -> None:
    await session.append(1000)
    first = session.turn(0, 0, 1000, draft=True)
    lease = await session.begin(first)
    await session.append(0, end=True)
    assert await session.publisher.begin(session.turn(0, 0, 1000)) == "deferred"
    await session.append(1000)
    second = session.turn(1, 1000, 2000, draft=True)
    second_lease = await session.begin(second)
    await session.append(0, end=True, start=1000)
    assert await session.publisher.begin(session.turn(1, 1000, 2000)) == "deferred"
    assert await session.publisher.draft(second, second_lease, DRAFT_EVENT, "en", None) == "confirmed"
    assert await session.publisher.final(second, second_lease, 2000, DRAFT_EVENT, "en") == "ok"
    assert await session.publisher.draft(first, lease, DRAFT_EVENT, "en", None) == "confirmed"
    assert await session.publisher.final(first, lease, 1000, DRAFT_EVENT, "en") == "ok"
    assert await session.told() == ["started", "finaldraft", "finaldraft"]


async def test_nothing_of_a_draft_stays_once_its_utterance_is_final(session: Fixture) -> None:
    await session.append(1000)
    draft = session.turn(0, 0, 1000, draft=True)
    await session.publisher.draft(draft, await session.begin(draft), DRAFT_EVENT, "en", None)
    await session.append(0, end=True)
    final = session.turn(0, 0, 1000)
    lease = await session.begin(final)
    await session.publisher.final(final, lease, 1000, lease.drafted, "en")
    fields = await session.store.redis.hkeys(session.store.keys.state(session.id))
    assert not [name for name in fields if b":" in name]
