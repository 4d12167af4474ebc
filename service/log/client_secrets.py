"""Short-lived secrets that stand in for an API key in a browser, whose they are, and the session each was made for."""

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


@dataclass(frozen=True, slots=True)
class MadeFor:
    """The tenant that a secret belongs to, and what whoever presents it asked for."""

    tenant: str
    session: dict[str, Any]


class ClientSecrets:
    """Redis holds a secret's hash only, and forgets it when it expires."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, tenant: str, session: dict[str, Any], *, ttl_s: int) -> ClientSecret:
        """A secret that transcribes as `tenant` for `ttl_s` seconds; `session` is what its holder begins with."""
        value = PREFIX + secrets.token_urlsafe(32)
        stored = json.dumps({"tenant": tenant, "session": session})
        await self._store.redis.set(self._key(value), stored, ex=ttl_s)
        return ClientSecret(value, int(time.time()) + ttl_s)

    async def find(self, value: str) -> MadeFor | None:
        """What a secret was made for; None when it has expired or never was."""
        stored = await self._store.redis.get(self._key(value))
        return MadeFor(**json.loads(stored)) if stored else None

    def _key(self, value: str) -> str:
        return self._store.keys.client_secret(token_hash(value))
