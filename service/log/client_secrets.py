"""Short-lived secrets that stand in for an API key in a browser, and the session that each was made for."""

import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

from service.log.sessions import token_hash
from service.log.store import Store

PREFIX = "ek_"


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """`expires_at` is Unix time in seconds."""

    value: str
    expires_at: int


class ClientSecrets:
    """Redis holds a secret's hash only, and forgets it when it expires."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, session: dict[str, Any], *, ttl_s: int) -> ClientSecret:
        """A secret that opens streams for `ttl_s` seconds; `session` is what whoever presents it asked for."""
        value = PREFIX + secrets.token_urlsafe(32)
        await self._store.redis.set(self._key(value), json.dumps(session), ex=ttl_s)
        return ClientSecret(value, int(time.time()) + ttl_s)

    async def find(self, value: str) -> dict[str, Any] | None:
        """The session of a secret; None when it has expired or never was."""
        stored = await self._store.redis.get(self._key(value))
        if stored is None:
            return None
        session: dict[str, Any] = json.loads(stored)
        return session

    def _key(self, value: str) -> str:
        return self._store.keys.client_secret(token_hash(value))
