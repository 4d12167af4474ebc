"""Bias lists: entries stored under the digest of their content, and names that point to them, version by version."""

import asyncio
import json
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.biasing.entries import Entry, digest, dump, load, normalized, require_room
from service.errors import Conflict, NotFound, TooManyEntries, TooManyLists
from service.log.store import Store
from service.log.tenants import Limits

LIST_NAME = "^[a-z0-9][a-z0-9._-]{0,63}$"
GRACE_S = 60  # entries that lost their last name stay so long for a request that has just looked the name up


@dataclass(frozen=True, slots=True)
class NamedList:
    """What a name points to. `version` counts what was put under the name from 1, also over a deletion; `digest`
    names the content, `entries` counts it; `updated_at` is Unix time in seconds."""

    name: str
    version: int
    digest: str
    entries: int
    updated_at: float


@dataclass(frozen=True, slots=True)
class _Record:
    """A name as Redis holds it: nothing (`raw` empty) when it is new, without a list when that was deleted."""

    raw: bytes
    version: int
    named: NamedList | None


class BiasEntries:
    """Entries are immutable. They live while a name points to them, or somebody keeps them.

    Tenants share them: nobody finds entries by a digest without having had them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def intern(self, entries: Sequence[Entry], ttl_s: int) -> str:
        """Stores entries that have no name, and keeps them for `ttl_s`. Their digest."""
        content_digest, content = await asyncio.to_thread(_pack, entries)
        key = self._store.keys.bias_entries(content_digest)
        await self._store.script("keep_bias_entries", [key], [ttl_s, content])
        return content_digest

    async def keep(self, digests: Iterable[str], ttl_s: int) -> None:
        """Has entries live for at least `ttl_s` more, whatever becomes of the names that point to them."""
        if keys := [self._store.keys.bias_entries(each) for each in digests]:
            await self._store.script("keep_bias_entries", keys, [ttl_s])

    async def load(self, content_digest: str) -> tuple[Entry, ...]:
        """The entries of that digest. Raises NotFound when nothing points to them and nobody has kept them."""
        content = await self._store.redis.hget(self._store.keys.bias_entries(content_digest), "content")
        if content is None:
            raise NotFound(f"the entries {content_digest!r} are not kept any more", field="bias_lists")
        return await asyncio.to_thread(_unpack, content)


class BiasLists(BiasEntries):
    """The named lists of one tenant."""

    def __init__(self, store: Store, tenant: str, limits: Limits | None = None) -> None:
        super().__init__(store)
        self._limits = limits or Limits()
        self._lists = store.keys.bias_lists(tenant)

    async def put(self, name: str, entries: Sequence[Entry], *, expected: int | None = None) -> NamedList:
        """Creates or replaces a list.

        Raises TooManyEntries, TooManyLists, and Conflict when its version is not `expected`.
        """
        self._require_room(len(entries))
        while True:
            now = await self._read(name, expected)
            if changed := await self._point(name, now, entries):
                return changed

    async def get(self, name: str) -> NamedList:
        """Raises NotFound when there is no such list."""
        return _existing(name, await self._read(name))

    async def patch(
        self, name: str, *, add: Sequence[Entry] = (), remove: Iterable[str] = (), expected: int | None = None
    ) -> NamedList:
        """Takes out the phrases of `remove`, then adds entries; one of the same phrase is replaced where it stands.

        Raises NotFound, TooManyEntries, and Conflict when the version is not `expected`.
        """
        gone = set(map(normalized, remove))
        while True:
            now = await self._read(name, expected)
            former = await self.load(_existing(name, now).digest)
            by_phrase = {entry.phrase: entry for entry in former if entry.phrase not in gone}
            by_phrase |= {entry.phrase: entry for entry in add}
            self._require_room(len(by_phrase))
            if changed := await self._point(name, now, tuple(by_phrase.values())):
                return changed

    async def delete(self, name: str, *, expected: int | None = None) -> NamedList:
        """Removes the name; what it pointed to. Raises NotFound, and Conflict when the version is not `expected`."""
        while True:
            now = await self._read(name, expected)
            named = _existing(name, now)
            entries = self._store.keys.bias_entries(named.digest)
            tombstone = json.dumps({"version": named.version})
            if await self._change(name, now, tombstone, [entries, entries], b""):
                return named

    async def names(self) -> list[NamedList]:
        """All lists, by name."""
        stored = await self._store.redis.hgetall(self._lists)
        records = [_record(name.decode(), raw) for name, raw in sorted(stored.items())]
        return [record.named for record in records if record.named]

    def _require_room(self, entries: int) -> None:
        require_room(entries)
        if self._limits.entries_per_list and entries > self._limits.entries_per_list:
            raise TooManyEntries(
                f"{entries} entries; at most {self._limits.entries_per_list} are allowed in a list", field="phrases"
            )

    async def _read(self, name: str, expected: int | None = None) -> _Record:
        """The record of a name. Raises Conflict when there is no list of the version that is expected."""
        record = _record(name, await self._store.redis.hget(self._lists, name) or b"")
        version = record.named.version if record.named else 0
        if expected is not None and version != expected:
            raise Conflict(f"the list {name!r} has version {version}, not {expected}", field="version")
        return record

    async def _point(self, name: str, seen: _Record, entries: Sequence[Entry]) -> NamedList | None:
        """Points a name to entries; None when another was faster."""
        content_digest, content = await asyncio.to_thread(_pack, entries)
        named = NamedList(name, seen.version + 1, content_digest, len(entries), round(time.time(), 3))
        raw = json.dumps(
            {"version": named.version, "digest": named.digest, "entries": named.entries, "at": named.updated_at}
        )
        keys = [self._store.keys.bias_entries(each.digest) for each in (named, seen.named) if each]
        return named if await self._change(name, seen, raw, keys, content) else None

    async def _change(self, name: str, seen: _Record, raw: str, entries: list[str], content: bytes) -> bool:
        """Replaces a record that still is as it was seen; `entries` are the keys of what it gains and loses."""
        most = self._limits.bias_lists if seen.named is None else 0
        arguments = [name, seen.raw, raw, content, GRACE_S, most]
        status = await self._store.script("point_bias_list", [self._lists, *entries], arguments)
        if status == b"full":
            raise TooManyLists(f"{most} lists are kept, the most allowed", field="name")
        return bool(status == b"ok")


def _record(name: str, raw: bytes) -> _Record:
    if not raw:
        return _Record(raw, 0, None)
    stored = json.loads(raw)
    if "digest" not in stored:
        return _Record(raw, stored["version"], None)
    named = NamedList(name, stored["version"], stored["digest"], stored["entries"], stored["at"])
    return _Record(raw, named.version, named)


def _existing(name: str, record: _Record) -> NamedList:
    if record.named is None:
        raise NotFound(f"no bias list {name!r}", field="name")
    return record.named


def _pack(entries: Sequence[Entry]) -> tuple[str, bytes]:
    return digest(entries), zlib.compress(dump(entries))


def _unpack(content: bytes) -> tuple[Entry, ...]:
    return load(zlib.decompress(content))
