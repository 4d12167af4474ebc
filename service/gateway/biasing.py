"""What a request or stream is biased towards: from keywords, names of lists and a strength to what its turns carry."""

import asyncio
import contextlib
import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from redis.exceptions import RedisError

from service.biasing.entries import Rejection, check, require_room
from service.errors import BadRequest, NotFound, SottoError, UnknownList
from service.log.bias_lists import LIST_NAME, BiasEntries, BiasLists, NamedList
from service.log.store import Store
from service.log.tenants import Tenant

log = logging.getLogger(__name__)

MAX_LISTS = 100  # that one request may name
MAX_STRENGTH = 2.0
REJECTIONS_TOLD = 100  # of a request's keywords: what streams are told is kept in their event logs
RENEW_S = 60.0
LAPSE_S = 600  # entries outlive the last turn that asked for them by far, and a gateway that died


@dataclass(frozen=True, slots=True)
class BiasWish:
    """What a client named; None leaves what there is. `keywords` are raw entries."""

    keywords: Sequence[Any] | None = None
    bias_lists: Sequence[str] | None = None
    strength: float | None = None

    @property
    def is_empty(self) -> bool:
        return self.keywords is None and self.bias_lists is None and self.strength is None


@dataclass(frozen=True, slots=True)
class Bias:
    """Inline entries by their digest, lists at the versions that were found, and the strength from 0 to 2."""

    keywords: str | None = None
    keyword_count: int = 0
    lists: tuple[NamedList, ...] = ()
    strength: float = 1.0

    @property
    def entries(self) -> int:
        return self.keyword_count + sum(named.entries for named in self.lists)

    @property
    def digests(self) -> tuple[str, ...]:
        """Of all entries, inline ones first: where two give one phrase, the first counts."""
        inline = (self.keywords,) if self.keywords else ()
        return (*inline, *(named.digest for named in self.lists if named.entries))

    def for_turn(self) -> dict[str, Any]:
        """The option that travels with a turn; none when there is nothing to bias."""
        if not self.digests or not self.strength:
            return {}
        return {"bias": {"lists": list(self.digests), "strength": self.strength}}

    def report(self, rejected: Sequence[Rejection] = ()) -> dict[str, Any]:
        """What a client is told."""
        return {
            "entries": self.entries,
            "strength": self.strength,
            "lists": [{"name": each.name, "version": each.version, "entries": each.entries} for each in self.lists],
            "rejected": [each.to_json() for each in rejected[:REJECTIONS_TOLD]],
            "rejected_total": len(rejected),
        }

    def dump(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def load(cls, stored: dict[str, Any]) -> "Bias":
        """What `dump` wrote; no bias where an earlier version of the gateway wrote nothing."""
        return cls(**stored | {"lists": tuple(NamedList(**named) for named in stored.get("lists", ()))})


@dataclass(frozen=True, slots=True)
class Resolved:
    """A bias, and the keywords that were rejected on the way to it."""

    bias: Bias
    rejected: tuple[Rejection, ...] = ()

    @property
    def report(self) -> dict[str, Any]:
        return self.bias.report(self.rejected)


class Biasing:
    """Finds entries for this gateway's streams and recordings, and has them kept as long as they are used."""

    def __init__(self, store: Store, *, resume_ttl_s: int) -> None:
        self._store = store
        self._entries = BiasEntries(store)
        self._ttl_s = LAPSE_S + resume_ttl_s
        self._held: Counter[str] = Counter()

    def lists_of(self, tenant: Tenant) -> BiasLists:
        return BiasLists(self._store, tenant.id, tenant.limits)

    async def resolve(self, tenant: Tenant, wish: BiasWish, now: Bias | None = None) -> Resolved:
        """`now`, or no bias, changed as wished by somebody of that tenant.

        The entries are alive then for long enough to be held. Raises BadRequest, TooManyEntries, and UnknownList
        for a list that there is not; `field` names the input.
        """
        bias = now or Bias()
        rejected: tuple[Rejection, ...] = ()
        if wish.strength is not None:
            if not 0 <= wish.strength <= MAX_STRENGTH:
                raise BadRequest(f"bias_strength must lie in 0 to {MAX_STRENGTH:g}", field="bias_strength")
            bias = replace(bias, strength=wish.strength)
        if wish.bias_lists is not None:
            bias = replace(bias, lists=await self._named(tenant, wish.bias_lists))
        if wish.keywords is not None:
            checked = await asyncio.to_thread(check, wish.keywords, field="keywords")
            keywords = await self._entries.intern(checked.accepted, self._ttl_s) if checked.accepted else None
            bias = replace(bias, keywords=keywords, keyword_count=len(checked.accepted))
            rejected = checked.rejected
        require_room(bias.entries, field="keywords" if wish.bias_lists is None else "bias_lists")
        return Resolved(bias, rejected)

    async def _named(self, tenant: Tenant, names: Sequence[str]) -> tuple[NamedList, ...]:
        distinct = dict.fromkeys(names)
        if len(distinct) > MAX_LISTS:
            raise BadRequest(f"{len(distinct)} lists; at most {MAX_LISTS} are allowed", field="bias_lists")
        if not all(re.fullmatch(LIST_NAME, name) for name in distinct):
            raise BadRequest("names of lists are of small letters, digits, `.`, `_` and `-`", field="bias_lists")
        try:
            lists_of = self.lists_of(tenant)
            lists = tuple([await lists_of.get(name) for name in distinct])
        except NotFound as error:
            raise UnknownList(error.message, field="bias_lists") from error
        await self._entries.keep([named.digest for named in lists], self._ttl_s)
        return lists

    def hold(self, bias: Bias) -> None:
        """Has entries that are alive kept so until they are released, whatever becomes of their names."""
        self._held.update(bias.digests)

    def release(self, bias: Bias) -> None:
        """Lets go of what was held; turns that are still waiting find it for another while."""
        self._held = self._held - Counter(bias.digests)

    @contextlib.contextmanager
    def held(self, bias: Bias) -> Iterator[None]:
        """Holds the entries for the length of a block."""
        self.hold(bias)
        try:
            yield
        finally:
            self.release(bias)

    async def keep_for(self, bias: Bias, seconds: int) -> None:
        """Keeps the entries alive for work that begins later, on any gateway."""
        await self._entries.keep(bias.digests, seconds + self._ttl_s)

    async def renew(self) -> None:
        """Keeps what is held alive for another while."""
        await self._entries.keep(self._held, self._ttl_s)

    async def run(self) -> None:
        """Renews now and then, until cancelled."""
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await self.renew()
            except (RedisError, SottoError) as error:
                log.warning("cannot keep the bias lists in use", extra={"reason": str(error)})
