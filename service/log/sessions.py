"""The record of a session and the steps that change it, each one atomic script."""

import hashlib
import json
import secrets
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from service.errors import Conflict, NotFound, Unauthorized
from service.log.event_log import MAX_EVENTS, Event, encode
from service.log.store import Store
from service.log.tenants import DEFAULT
from service.log.usage import ACCOUNT_KEPT_S, SETTLE_EVERY_S, Meter

FINISHED_TTL_S = 60  # how long the events of a finished session can still be asked for
STALE_PARTIAL_MS = 5_000  # a partial turn that was never answered is given up


def new_id(kind: str) -> str:
    """An id nobody can guess: `kind` and 128 random bits."""
    return f"{kind}_{secrets.token_hex(16)}"


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """The state record as it was when a connection took the session over."""

    samples: int
    bytes_safe: int
    snapshot: bytes
    next_utterance: int
    ended: int
    finishing: bool
    options: dict[str, Any]
    former_wake: str
    resumed_seq: int


class Sessions:
    """Creates sessions, hands them from one connection to another, and finishes them."""

    def __init__(self, store: Store, *, resume_ttl_s: int) -> None:
        self._store = store
        self.ttl_s = resume_ttl_s

    def _keys(self, session: str) -> list[str]:
        keys = self._store.keys
        return [keys.state(session), keys.audio(session), keys.events(session)]

    async def create(
        self,
        session: str,
        *,
        owner: str,
        wake: str,
        token: str,
        options: dict[str, Any],
        tenant: str = DEFAULT,
        meter: Meter | None = None,
        retention_s: int = 0,
        first: Event | None = None,
    ) -> None:
        """Writes a new session's record and, if given, its first event (`started`).

        What it uses is counted where it has a `meter`, and its finals are kept for `retention_s` behind the last one.
        """
        state, _, events = self._keys(session)
        keys = self._store.keys
        record: dict[str, Any] = {
            "owner": owner,
            "wake": wake,
            "token": token_hash(token),
            "tenant": tenant,
            "options": json.dumps(options),
            "seq": 1 if first else 0,
            "samples": 0,
            "bytes": 0,
            "snapshot": b"",
            "next": 0,
            "ended": 0,
            "created": time.time(),
            "ttl": self.ttl_s,
        }
        record |= ({"metered": 1} if meter else {}) | ({"retention_s": retention_s} if retention_s else {})
        if meter:  # before there is something to count, lest it be forgotten
            due = await self._store.clock(keys.metered()) + SETTLE_EVERY_S
            await self._store.redis.zadd(keys.metered(), {session: due})
        pipe = self._store.redis.pipeline(transaction=True)
        pipe.hset(state, mapping=record)
        pipe.expire(state, self.ttl_s)
        if meter:
            pipe.hset(keys.meter(session), mapping=asdict(meter))
            pipe.expire(keys.meter(session), ACCOUNT_KEPT_S)
        if retention_s:
            pipe.delete(keys.kept(session))
            pipe.rpush(keys.kept(session), json.dumps({"tenant": tenant, "created": record["created"]}))
            pipe.expire(keys.kept(session), retention_s + self.ttl_s)
        if first:
            pipe.delete(events)
            pipe.xadd(events, {"event": encode(first)}, id="1-0")
            pipe.expire(events, self.ttl_s)
        await pipe.execute()

    async def take_over(
        self, session: str, *, token: str, owner: str, wake: str, tenant: str = DEFAULT
    ) -> SessionRecord:
        """Makes `owner` the only connection that may append, and logs `resumed`.

        Raises NotFound when the session has expired or is another tenant's, Unauthorized when the token is not its own.
        """
        arguments = [token_hash(token), owner, wake, self.ttl_s, tenant]
        reply = await self._store.script("take_over", self._keys(session), arguments)
        status = reply[0].decode()
        if status == "gone":
            raise NotFound("the session has expired or never was", field="session")
        if status == "forbidden":
            raise Unauthorized("the resume token is not this session's", field="resume_token")
        record = dict(zip(reply[2::2], reply[3::2], strict=True))
        return SessionRecord(
            samples=int(record[b"samples"]),
            bytes_safe=int(record[b"bytes"]),
            snapshot=record[b"snapshot"],
            next_utterance=int(record[b"next"]),
            ended=int(record[b"ended"]),
            finishing=b"finishing" in record,
            options=json.loads(record[b"options"]),
            former_wake=record[b"wake"].decode(),
            resumed_seq=int(reply[1]),
        )

    async def emit(self, session: str, owner: str, event: Event, *, options: dict[str, Any] | None = None) -> None:
        """Adds an event to the log, and stores `options` for whoever resumes the session (turns carry their own).

        Raises Conflict or NotFound when the session is not the caller's any more.
        """
        stored = json.dumps(options) if options else ""
        arguments = [owner, encode(event), MAX_EVENTS, stored, secrets.token_hex(8)]
        _expect_ok(await self._store.script("emit", self._keys(session), arguments))

    async def touch(self, sessions: Iterable[str]) -> None:
        """Keeps sessions from expiring while their sockets are open, whatever they send."""
        pipe = self._store.redis.pipeline(transaction=False)
        for session in sessions:
            for key in self._keys(session):
                pipe.expire(key, self.ttl_s)
        await pipe.execute()

    async def request_partial(
        self, session: str, owner: str, utterance: int
    ) -> Literal["ok", "busy", "ended", "gone", "taken"]:
        """Takes the session's one place for a partial turn; only after `ok` may a turn be enqueued."""
        state = self._store.keys.state(session)
        status = await self._store.script("request_partial", [state], [owner, utterance, STALE_PARTIAL_MS])
        result: Literal["ok", "busy", "ended", "gone", "taken"] = status.decode()
        return result

    async def finish(self, session: str, owner: str, *, utterances: int, duration_s: float, spent: str = "") -> None:
        """Declares the end of audio after `utterances` utterances; `finished` follows the last final.

        `spent` tells why the server ended it: the allowance of its tenant.
        """
        told = {"type": "finished", "duration": round(duration_s, 3)} | ({"spent": spent} if spent else {})
        finished = encode(told)
        _expect_ok(
            await self._store.script("finish", self._keys(session), [owner, utterances, finished, FINISHED_TTL_S])
        )

    async def next_utterance(self, session: str) -> int:
        """The first utterance whose final is not out yet. Raises NotFound when the session has expired."""
        number = await self._store.command("HGET", self._store.keys.state(session), "next")
        if number is None:
            raise NotFound("the session has expired", field="session")
        return int(number)

    async def exists(self, session: str) -> bool:
        return bool(await self._store.command("EXISTS", self._store.keys.state(session)))

    async def delete(self, session: str) -> None:
        """Forgets a session at once, its audio first."""
        state, audio, events = self._keys(session)
        await self._store.redis.delete(audio, events, state)


def _expect_ok(status: bytes) -> None:
    if status == b"gone":
        raise NotFound("the session has expired", field="session")
    if status == b"taken":
        raise Conflict("another connection has resumed this session", field="session")
