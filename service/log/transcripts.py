"""The finals of live streams, for tenants that have them kept: never audio, and only for as long as they said."""

import json
from dataclasses import dataclass

from service.errors import NotFound
from service.log.event_log import Event
from service.log.store import Store


@dataclass(frozen=True, slots=True)
class Transcript:
    """`created`: Unix time in seconds; `expires_in_s`: until it is forgotten, unless another final comes."""

    session: str
    created: float
    expires_in_s: int
    finals: tuple[Event, ...]


class Transcripts:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, session: str, tenant: str) -> Transcript:
        """Raises NotFound when it is not kept, or not that tenant's."""
        key = self._store.keys.kept(session)
        stored = await self._store.redis.lrange(key, 0, -1)
        head = json.loads(stored[0]) if stored else {}
        if head.get("tenant") != tenant:
            raise NotFound(f"no transcript of {session!r} is kept", field="session")
        left_s = max(0, int(await self._store.redis.ttl(key)))
        return Transcript(session, head["created"], left_s, tuple(map(json.loads, stored[1:])))

    async def delete(self, session: str, tenant: str) -> None:
        """Forgets it at once; finals that are yet to come are not kept either. Raises NotFound."""
        await self.get(session, tenant)
        await self._store.redis.delete(self._store.keys.kept(session))
