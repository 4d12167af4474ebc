"""The event log of a session: what the client is told, in order, with sequence numbers that survive a gateway."""

import json
from typing import Any

from service.log.store import Store

Event = dict[str, Any]

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))  # made once: that takes longer than its use
PAGE = 200  # events read at once
MAX_EVENTS = 20_000  # kept per session; about ten hours of dictation


class EventLog:
    """Reads one session's events. An entry's id is its sequence number; gaps are superseded acks and partials."""

    def __init__(self, store: Store, session: str) -> None:
        self._store = store
        self._key = store.keys.events(session)

    async def after(self, seq: int) -> list[Event]:
        """Events with a greater `seq`, oldest first, at most a page; empty when there is nothing new."""
        entries = await self._store.command("XRANGE", self._key, f"{seq + 1}-0", "+", "COUNT", PAGE)
        return [{"seq": int(entry_id.split(b"-")[0]), **json.loads(fields[b"event"])} for entry_id, fields in entries]


def encode(event: Event) -> str:
    """Compact JSON. The stored form has no `seq`, which is the entry's id."""
    return _ENCODER.encode(event)
