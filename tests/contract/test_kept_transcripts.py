"""Texts outlive their session only where their tenant wants it, only for so long, and for that tenant alone."""

import pytest

from service.errors import NotFound
from service.log.publishing import Lease, Publisher
from service.log.sessions import Sessions
from service.log.store import Store
from service.log.transcripts import Transcripts
from service.log.turns import Turn


async def begun(store: Store, session: str, *, retention_s: int) -> Sessions:
    sessions = Sessions(store, resume_ttl_s=60)
    await sessions.create(session, owner="o", wake="w", token="t", options={}, tenant="acme", retention_s=retention_s)
    return sessions


async def tell(store: Store, session: str, utterance: int, text: str) -> None:
    publisher, turn = Publisher(store), Turn("final", session, utterance, 0, 1, 1, {})
    lease = await publisher.begin(turn)
    assert isinstance(lease, Lease)
    event = {"type": "final", "id": f"{session}.{utterance}", "text": text, "words": [], "language": "en"}
    assert await publisher.final(turn, lease, 1, event) == "ok"


async def test_finals_are_kept_behind_the_session_for_its_tenant_alone(store: Store) -> None:
    sessions, transcripts = await begun(store, "s_1", retention_s=600), Transcripts(store)
    await tell(store, "s_1", 0, "One.")
    await tell(store, "s_1", 1, "Two.")
    await sessions.delete("s_1")
    kept = await transcripts.get("s_1", "acme")
    assert [final["text"] for final in kept.finals] == ["One.", "Two."]
    assert 590 <= kept.expires_in_s <= 600
    for session, tenant in (("s_1", "other"), ("s_2", "acme")):
        with pytest.raises(NotFound):
            await transcripts.get(session, tenant)
        with pytest.raises(NotFound):
            await transcripts.delete(session, tenant)


async def test_nothing_is_kept_by_default(store: Store) -> None:
    sessions = await begun(store, "s_1", retention_s=0)
    await tell(store, "s_1", 0, "One.")
    await sessions.delete("s_1")
    assert await store.redis.keys("*s_1*") == []


async def test_what_was_deleted_stays_so_while_the_stream_goes_on(store: Store) -> None:
    await begun(store, "s_1", retention_s=600)
    await tell(store, "s_1", 0, "One.")
    await Transcripts(store).delete("s_1", "acme")
    await tell(store, "s_1", 1, "Two.")
    with pytest.raises(NotFound):
        await Transcripts(store).get("s_1", "acme")


async def test_audio_is_never_kept(store: Store) -> None:
    sessions = await begun(store, "s_1", retention_s=600)
    await tell(store, "s_1", 0, "One.")
    await sessions.finish("s_1", "o", utterances=1, duration_s=1.0)
    assert not await store.redis.exists(store.keys.audio("s_1"))
