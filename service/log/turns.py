"""Turns of decoding: three queues per model (final, partial, bulk) with one consumer group of workers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis.exceptions import ConnectionError, ResponseError, TimeoutError

from service.log.store import TURN_KINDS, Store, TurnKind

GROUP = "workers"
DEAD_LETTERS_KEPT = 1_000
CONSUMER_KEPT_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Turn:
    """One request for decoding samples `start` to `end` of a session; a partial has no `end`: it takes all there is.

    `draft`: a final begun in a pause, before the endpoint is sure. `trace`: the W3C traceparent that the decoding
    belongs to, if it is traced.
    """

    kind: TurnKind
    session: str
    utterance: int
    start: int
    end: int | None
    speech_end: int | None
    options: dict[str, Any]
    draft: bool = False
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A turn in a worker's hands: its id in the queue, how long it waited, how often it was delivered."""

    turn: Turn
    id: str
    wait_ms: int
    deliveries: int = 1

    @property
    def key(self) -> str:
        """Unique over the queues: ids of two queues can be equal."""
        return f"{self.turn.kind}/{self.id}"


class TurnQueue:
    """The queues of one model."""

    def __init__(self, store: Store, model: str) -> None:
        self._store = store
        self.model = model
        self._queues = [store.keys.turns(model, kind) for kind in TURN_KINDS]

    async def enqueue(self, turn: Turn) -> None:
        fields = {
            "session": turn.session,
            "utterance": turn.utterance,
            "start": turn.start,
            "end": -1 if turn.end is None else turn.end,
            "speech_end": -1 if turn.speech_end is None else turn.speech_end,
            "options": json.dumps(turn.options),
            "draft": int(turn.draft),
        } | ({"trace": turn.trace} if turn.trace else {})
        flat = [part for pair in fields.items() for part in pair]
        await self._store.command("XADD", self._store.keys.turns(self.model, turn.kind), "*", *flat)

    async def ensure_group(self) -> None:
        """Creates the consumer group at 0: turns that were enqueued before the first worker came are not skipped."""
        for queue in self._queues:
            try:
                await self._store.redis.xgroup_create(queue, GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    async def claim(self, consumer: str, wanted: int, *, bulk_wanted: int = 0) -> list[Claimed]:
        """Claims up to `wanted` new turns without waiting, finals first; `bulk_wanted` of them are bulk whatever
        else waits."""
        now_ms, *entries = await self._store.script("claim", self._queues, [GROUP, consumer, wanted, bulk_wanted])
        return [
            _claimed(TURN_KINDS[index - 1], entry_id, _pairs(fields), int(now_ms))
            for index, entry_id, fields in entries
        ]

    async def wait(self, consumer: str, timeout_ms: int) -> list[Claimed]:
        """Waits for the next turn of any queue; at most one of each is claimed."""
        try:
            reply = await self._store.redis.xreadgroup(
                GROUP, consumer, dict.fromkeys(self._queues, ">"), count=1, block=timeout_ms
            )
        except (ConnectionError, TimeoutError):
            return []
        claimed = []
        for queue, entries in reply or []:
            kind = TURN_KINDS[self._queues.index(queue.decode())]
            claimed += [_claimed(kind, entry_id, fields, None) for entry_id, fields in entries]
        return claimed

    async def reclaim(self, consumer: str, *, idle_ms: int, limit: int) -> list[Claimed]:
        """Takes over turns whose worker has not renewed its claim for `idle_ms`."""
        taken = []
        for kind, queue in zip(TURN_KINDS, self._queues, strict=True):
            reply = await self._store.redis.xautoclaim(queue, GROUP, consumer, idle_ms, count=limit)
            entries = [(entry_id, fields) for entry_id, fields in reply[1] if fields]
            for entry_id, fields in entries:
                pending = await self._store.redis.xpending_range(queue, GROUP, entry_id, entry_id, 1)
                deliveries = pending[0]["times_delivered"] if pending else 1
                taken.append(_claimed(kind, entry_id, fields, None, deliveries))
        return taken

    async def forget_consumers(self) -> None:
        """Forgets the names of workers that are gone; one that is merely idle is known again with its next claim."""
        for queue in self._queues:
            await self._store.script("forget_consumers", [queue], [GROUP, CONSUMER_KEPT_MS])

    async def keep_claims(self, consumer: str, held: Sequence[Claimed]) -> set[str]:
        """Renews a consumer's claims on `held`; returns the keys of those that are still its own."""
        kept: set[str] = set()
        for kind, queue in zip(TURN_KINDS, self._queues, strict=True):
            ids = [claimed.id for claimed in held if claimed.turn.kind == kind]
            if ids:
                still = await self._store.script("keep_claims", [queue], [GROUP, consumer, *ids])
                kept |= {f"{kind}/{entry_id.decode()}" for entry_id in still}
        return kept

    async def ack(self, claimed: Claimed) -> None:
        """Takes the turn out of its queue for good."""
        queue = self._store.keys.turns(self.model, claimed.turn.kind)
        await self._store.script("ack", [queue], [GROUP, claimed.id])

    async def release(self, claimed: Claimed) -> None:
        """Gives a turn back: a copy goes to the queue's end and the claim is dropped."""
        await self.enqueue(claimed.turn)
        await self.ack(claimed)

    async def bury(self, claimed: Claimed, reason: str) -> None:
        """Moves a turn that failed on every delivery to the dead-letter stream."""
        turn = claimed.turn
        letter = {
            "kind": turn.kind,
            "session": turn.session,
            "utterance": turn.utterance,
            "deliveries": claimed.deliveries,
            "reason": reason,
        }
        dead = self._store.keys.dead_turns(self.model)
        await self._store.redis.xadd(dead, cast(Any, letter), maxlen=DEAD_LETTERS_KEPT, approximate=True)
        await self.ack(claimed)

    async def lengths(self) -> dict[TurnKind, int]:
        """Turns waiting or being decoded, by kind."""
        pipe = self._store.redis.pipeline(transaction=False)
        for queue in self._queues:
            pipe.xlen(queue)
        return dict(zip(TURN_KINDS, await pipe.execute(), strict=True))

    async def oldest_final_ms(self) -> int:
        """Age of the oldest final that is not published yet, by the server's clock; 0 when there is none."""
        return await self.oldest_ms("final")

    async def oldest_ms(self, kind: TurnKind) -> int:
        """The same of any kind: its oldest turn that is not done yet."""
        return int(await self._store.script("oldest", [self._store.keys.turns(self.model, kind)], []))


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _time_of(entry_id: bytes) -> int:
    return int(entry_id.split(b"-")[0])


def _claimed(
    kind: TurnKind, entry_id: bytes, fields: dict[bytes, bytes], now_ms: int | None, deliveries: int = 1
) -> Claimed:
    end, speech_end = int(fields[b"end"]), int(fields[b"speech_end"])
    turn = Turn(
        kind=kind,
        session=fields[b"session"].decode(),
        utterance=int(fields[b"utterance"]),
        start=int(fields[b"start"]),
        end=None if end < 0 else end,
        speech_end=None if speech_end < 0 else speech_end,
        options=json.loads(fields[b"options"]),
        draft=fields[b"draft"] == b"1",
        trace=fields.get(b"trace", b"").decode(),
    )
    wait_ms = 0 if now_ms is None else max(0, now_ms - _time_of(entry_id))
    return Claimed(turn=turn, id=entry_id.decode(), wait_ms=wait_ms, deliveries=deliveries)
