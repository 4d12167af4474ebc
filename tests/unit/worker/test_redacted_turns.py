"""What a worker publishes for a tenant that has numbers struck out: captions, drafts and finals alike."""

import json
from types import SimpleNamespace
from typing import Any, cast

from service.log.event_log import EventLog
from service.log.publishing import Lease, Publisher
from service.log.sessions import Sessions
from service.log.store import Store
from service.log.turns import Turn
from service.streaming.agreement import Agreement
from service.transcript import Hypothesis, Piece, TokenLogprob
from service.worker.bias_cache import BiasCache
from service.worker.bias_hits import BiasHits
from service.worker.finishing import Finisher
from service.worker.loading import Loaded

REDACT = {"redact": {"kinds": ["card"], "regions": ["US"]}, "logprobs": True}
SPOKEN = (" my", " card", " is", " 4111", " 1111", " 1111", " 1111.")
SESSION = "s_1"


def heard(words: int = len(SPOKEN)) -> Hypothesis:
    pieces = tuple(
        Piece(text, (number,), number / 2, (number + 1) / 2, 0.9, logprobs=(TokenLogprob(text.encode(), -0.1),))
        for number, text in enumerate(SPOKEN[:words])
    )
    return Hypothesis(pieces, "en")


async def published(store: Store, turn: Turn, hypothesis: Hypothesis) -> list[dict[str, Any]]:
    """The events of the session after the turn."""
    publisher = Publisher(store)
    lease = await publisher.begin(turn)
    assert isinstance(lease, Lease)
    claimed = SimpleNamespace(turn=turn)
    loaded = SimpleNamespace(claimed=claimed, lease=lease, agreement=Agreement(), window_start=0, window_samples=64_000)
    await Finisher(publisher, BiasHits(store, BiasCache(store))).publish(cast(Loaded, loaded), hypothesis)
    return await EventLog(store, SESSION).after(0)


async def begun(store: Store) -> None:
    await Sessions(store, resume_ttl_s=60).create(SESSION, owner="o", wake="w", token="t", options={})


async def test_a_final_and_what_spells_it(store: Store) -> None:
    await begun(store)
    [final] = await published(store, Turn("final", SESSION, 0, 0, 64_000, 64_000, REDACT), heard())
    assert final["text"] == "my card is [card]."
    assert [word["word"] for word in final["words"]] == ["my", "card", "is", "[card]."]
    assert final["decode"]["tokens"] == []
    assert "1111" not in json.dumps(final)
    assert "49, 49, 49, 49" not in json.dumps(final)  # the bytes of 1111


async def test_a_caption(store: Store) -> None:
    await begun(store)
    [partial] = await published(store, Turn("partial", SESSION, 0, 0, None, None, REDACT), heard(5))
    assert (partial["committed"] + partial["tentative"]).strip() == "my card is •••• ••••"


async def test_a_draft_its_caption_and_the_final_it_becomes(store: Store) -> None:
    await begun(store)
    drafting = Turn("final", SESSION, 0, 0, 64_000, 64_000, REDACT, draft=True)
    [caption] = await published(store, drafting, heard())
    assert caption["type"] == "partial"
    assert "1111" not in json.dumps(caption)
    held = await store.redis.hget(store.keys.state(SESSION), "drafted:0")
    assert b"[card]" in held
    assert b"1111" not in held


async def test_other_tenants_read_what_was_said(store: Store) -> None:
    await begun(store)
    [final] = await published(store, Turn("final", SESSION, 0, 0, 64_000, 64_000, {}), heard())
    assert final["text"] == "my card is 4111 1111 1111 1111."
