"""API keys: `sotto_<id>_<secret>`. Redis holds SHA-256 hashes of them, never a key itself."""

import hmac
import math
import secrets
import time
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from service.errors import Conflict, NotFound
from service.log.sessions import token_hash
from service.log.store import Store

PREFIX = "sotto"
ID_BYTES, SECRET_BYTES = 6, 32
USE_NOTED_S = 60.0  # the last use of a key is known to the minute

Scope = Literal["transcribe", "lists", "admin"]
SCOPES: tuple[Scope, ...] = ("transcribe", "lists", "admin")


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hashed(_Fields):
    """The hash of a whole key, and until when it is good; None: as long as the record is."""

    hash: str
    until: float | None = None


class ApiKey(_Fields):
    """All times are Unix seconds. While a key is being rotated, the former one is good for a while beside the new."""

    id: str
    tenant: str
    scopes: tuple[Scope, ...]
    name: str = ""
    created: float
    expires: float | None = None
    revoked: float | None = None
    hashes: tuple[Hashed, ...]

    @property
    def is_live(self) -> bool:
        return self.revoked is None and (self.expires is None or time.time() < self.expires)

    def fits(self, key: str) -> bool:
        """Whether `key` is this key, now. Every hash is compared in full, so the time taken tells nothing."""
        given, now = token_hash(key), time.time()
        fitting = [
            hmac.compare_digest(given, each.hash) & (each.until is None or now < each.until) for each in self.hashes
        ]
        return self.is_live & any(fitting)


class ApiKeys:
    """The records of all keys, by id."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key = store.keys.api_keys()
        self._used_key = store.keys.api_keys_used()

    async def any(self) -> bool:
        """Whether a key was ever made, be it revoked by now."""
        return bool(await self._store.redis.hlen(self._key))

    async def create(
        self, tenant: str, scopes: tuple[Scope, ...], *, name: str = "", expires: float | None = None
    ) -> tuple[ApiKey, str]:
        """The record, and the key itself, which nobody can show again."""
        key_id = secrets.token_hex(ID_BYTES)
        key = _new(key_id)
        record = ApiKey(
            id=key_id,
            tenant=tenant,
            scopes=scopes,
            name=name,
            created=round(time.time(), 3),
            expires=expires,
            hashes=(Hashed(hash=token_hash(key)),),
        )
        await self._store.redis.hset(self._key, key_id, record.model_dump_json())
        return record, key

    async def find(self, key: str) -> ApiKey | None:
        """The record of a key that is good now."""
        if (key_id := id_in(key)) is None:
            return None
        raw = await self._store.redis.hget(self._key, key_id)
        record = ApiKey.model_validate_json(raw) if raw else None
        return record if record and record.fits(key) else None

    async def all(self, tenant: str | None = None) -> list[ApiKey]:
        """Of all tenants or one, the oldest first."""
        stored = map(ApiKey.model_validate_json, await self._store.redis.hvals(self._key))
        return sorted((key for key in stored if tenant in (None, key.tenant)), key=lambda key: key.created)

    async def rotate(self, key_id: str, *, overlap_s: float) -> tuple[ApiKey, str]:
        """A new key under the same id; the former one is good for `overlap_s` more.

        Raises NotFound, and Conflict for a key that was revoked or has expired.
        """
        key, until = _new(key_id), math.floor((time.time() + overlap_s) * 1000) / 1000  # never later than asked for

        def rotated(record: ApiKey) -> ApiKey:
            if not record.is_live:
                raise Conflict(f"the key {key_id!r} was revoked or has expired", field="id")
            former = [
                each.model_copy(update={"until": min(until, each.until or until)})
                for each in record.hashes
                if each.until is None or each.until > time.time()
            ]
            return record.model_copy(update={"hashes": (Hashed(hash=token_hash(key)), *former)})

        return await self._change(key_id, rotated), key

    async def revoke(self, key_id: str) -> ApiKey:
        """From now on nobody gets in with the key. Raises NotFound."""
        now = round(time.time(), 3)
        return await self._change(
            key_id, lambda record: record.model_copy(update={"revoked": record.revoked or now, "hashes": ()})
        )

    async def note_use(self, key_id: str) -> None:
        await self._store.redis.hset(self._used_key, key_id, int(time.time() // USE_NOTED_S * USE_NOTED_S))

    async def last_used(self) -> dict[str, int]:
        """Unix time in seconds, to the minute, by key id."""
        stored = await self._store.redis.hgetall(self._used_key)
        return {key_id.decode(): int(at) for key_id, at in stored.items()}

    async def _change(self, key_id: str, change: Callable[[ApiKey], ApiKey]) -> ApiKey:
        while True:
            seen = await self._store.redis.hget(self._key, key_id)
            if seen is None:
                raise NotFound(f"no API key {key_id!r}", field="id")
            changed = change(ApiKey.model_validate_json(seen))
            if await self._store.script("replace_field", [self._key], [key_id, seen, changed.model_dump_json()]):
                return changed


def id_in(key: str) -> str | None:
    """The id that a key carries; None for what does not look like one of Sotto's."""
    parts = key.split("_", 2)
    is_ours = len(parts) == 3 and parts[0] == PREFIX and len(parts[1]) == 2 * ID_BYTES and parts[1].isalnum()
    return parts[1] if is_ours else None


def _new(key_id: str) -> str:
    return f"{PREFIX}_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
