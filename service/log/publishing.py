"""A worker's side of a session: begin a turn, publish its result under the turn's lease."""

import json
import secrets
from dataclasses import dataclass
from typing import Literal

from service.log.event_log import MAX_EVENTS, Event, encode
from service.log.sessions import FINISHED_TTL_S
from service.log.store import Store
from service.log.turns import Turn

Outcome = Literal["ok", "stale", "done", "gone", "deferred", "confirmed", "redo"]


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to publish one turn; the next worker that begins the same turn takes it away.

    `drafted`: the event of a draft that is exactly this final (None: nothing was said); decoding is not needed.
    """

    token: str
    samples: int
    agreement: bytes
    language: str | None
    wake: str
    is_drafted: bool = False
    drafted: Event | None = None


class Publisher:
    """Begins turns and publishes their results; wakes the gateway that owns the session."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(self, turn: Turn) -> Lease | Outcome:
        """Takes the turn's lease.

        `gone`: the session has expired; `done`: the turn needs no decoding; `deferred`: a draft of just this final is
        being decoded and will be published as it.
        """
        token = secrets.token_hex(8)
        kind = "partial" if turn.kind == "partial" else "draft" if turn.draft else "final"
        status, samples, agreement, language, wake, drafted = await self._store.script(
            "begin", [self._store.keys.state(turn.session)], [kind, turn.utterance, token, _end(turn)]
        )
        if status in (b"done", b"deferred"):
            await self._wake(wake.decode(), turn.session)
        if status not in (b"ok", b"drafted"):
            outcome: Outcome = status.decode()
            return outcome
        return Lease(
            token,
            int(samples),
            agreement,
            language.decode() or None,
            wake.decode(),
            is_drafted=status == b"drafted",
            drafted=json.loads(drafted) if drafted else None,
        )

    async def draft(
        self, turn: Turn, lease: Lease, event: Event | None, language: str, caption: Event | None
    ) -> Outcome:
        """Keeps the result of a draft for its final turn, and shows it as a caption; `confirmed` and `redo` ask the
        caller to publish the final, or to have it decoded again."""
        keys = self._store.keys
        status = await self._store.script(
            "publish_draft",
            [keys.state(turn.session), keys.events(turn.session)],
            [
                lease.token,
                turn.utterance,
                _end(turn),
                lease.agreement,
                encode(event) if event else "",
                language,
                encode(caption) if caption else "",
                MAX_EVENTS,
            ],
        )
        await self._wake(lease.wake, turn.session)
        outcome: Outcome = status.decode()
        return outcome

    async def partial(self, turn: Turn, lease: Lease, agreement: bytes, event: Event | None) -> Outcome:
        """Publishes a partial; without an event only the place for the next one is freed."""
        keys = self._store.keys
        status = await self._store.script(
            "publish_partial",
            [keys.state(turn.session), keys.events(turn.session)],
            [lease.token, turn.utterance, agreement, encode(event) if event else ""],
        )
        await self._wake(lease.wake, turn.session)
        outcome: Outcome = status.decode()
        return outcome

    async def final(self, turn: Turn, lease: Lease, end: int, event: Event | None, language: str = "") -> Outcome:
        """Publishes the final of an utterance that ends at sample `end`; without an event the utterance is closed
        silently (nothing was said). Finals appear in order whatever order they are published in."""
        keys = self._store.keys
        status = await self._store.script(
            "publish_final",
            [
                keys.state(turn.session),
                keys.audio(turn.session),
                keys.events(turn.session),
                keys.meter(turn.session),
                keys.kept(turn.session),
            ],
            [
                lease.token,
                turn.utterance,
                end,
                encode(event) if event else "",
                language,
                MAX_EVENTS,
                FINISHED_TTL_S,
            ],
        )
        await self._wake(lease.wake, turn.session)
        outcome: Outcome = status.decode()
        return outcome

    async def _wake(self, channel: str, session: str) -> None:
        await self._store.command("PUBLISH", channel, session)


def _end(turn: Turn) -> int:
    return -1 if turn.end is None else turn.end
