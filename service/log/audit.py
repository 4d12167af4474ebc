"""The audit log: who did what to what, in a bounded stream in Redis and as a log line."""

import logging
import time
from dataclasses import asdict, dataclass

from service.log.store import Store

log = logging.getLogger("sotto.audit")

MAX_RECORDS = 100_000
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Record:
    """`actor`: the id of an API key, or what else let somebody in; `object`: what it was done to.

    `result`: `ok`, or the code of the error. `at`: Unix time in seconds. Of a failure that is repeated quickly only the
    first is recorded; the next record counts those in between as `unrecorded`.
    """

    action: str
    actor: str
    tenant: str
    address: str
    object: str = ""
    result: str = "ok"
    unrecorded: int = 0
    at: float = 0.0
    id: str = ""


class AuditLog:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._key = store.keys.audit()

    async def add(self, record: Record) -> None:
        stored = {name: value for name, value in asdict(record).items() if name != "id"} | {"at": round(time.time(), 3)}
        log.info("audit", extra={f"audit_{name}": value for name, value in stored.items()})
        await self._store.redis.xadd(self._key, stored, maxlen=MAX_RECORDS, approximate=True)

    async def before(self, record: str | None, *, limit: int) -> list[Record]:
        """The newest records, or the newest before the one of that id; newest first."""
        if record and not any(map(int, record.split("-"))):
            return []  # nothing is before the first of all ids, and Redis does not take the question
        newest = f"({record}" if record else "+"
        stored = await self._store.redis.xrevrange(self._key, max=newest, min="-", count=min(limit, PAGE))
        return [_record(entry.decode(), fields) for entry, fields in stored]


def _record(entry: str, stored: dict[bytes, bytes]) -> Record:
    text = {name.decode(): value.decode() for name, value in stored.items()}
    return Record(
        action=text["action"],
        actor=text["actor"],
        tenant=text["tenant"],
        address=text["address"],
        object=text["object"],
        result=text["result"],
        unrecorded=int(text["unrecorded"]),
        at=float(text["at"]),
        id=entry,
    )
