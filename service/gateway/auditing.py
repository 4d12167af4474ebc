"""Failures to get in, in the audit log: the first of a kind at once, what follows soon after only counted."""

import time
from dataclasses import dataclass, replace

from service.errors import SottoError
from service.log.audit import AuditLog, Record
from service.log.store import Store

AGAIN_S = 10.0
MAX_KINDS = 10_000
MAX_PATH = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is audited by: the path it asked for, and the address it came from. `origin` and `host` are its
    headers."""

    path: str
    address: str
    origin: str | None = None
    host: str = ""


class Failures:
    def __init__(self, store: Store) -> None:
        self._log = AuditLog(store)
        self._told: dict[tuple[str, str, str], tuple[float, int]] = {}

    async def add(self, error: SottoError, asked: Asked, *, actor: str, tenant: str) -> None:
        """Records that somebody was turned away, at most once in `AGAIN_S` for an address, key and error."""
        kind, now = (asked.address, actor, error.code), time.monotonic()
        at, unrecorded = self._told.pop(kind, (-AGAIN_S, 0))
        if now - at < AGAIN_S:
            self._told[kind] = (at, unrecorded + 1)
            return
        self._told[kind] = (now, 0)
        if len(self._told) > MAX_KINDS:
            del self._told[next(iter(self._told))]
        record = Record("access", actor, tenant, asked.address, asked.path[:MAX_PATH], error.code)
        await self._log.add(replace(record, unrecorded=unrecorded))
