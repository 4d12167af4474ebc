"""The bias lists that turns name, loaded once, compiled once per language, and forgotten when memory is needed."""

import asyncio
import logging
from collections import OrderedDict
from typing import Any

from service.biasing.bias import Bias, BiasList
from service.errors import NotFound
from service.log.bias_lists import BiasEntries
from service.log.store import Store

log = logging.getLogger(__name__)

MAX_BYTES = 256 * 1024 * 1024


class BiasCache:
    """Belongs to one worker; the least recently used lists go first."""

    def __init__(self, store: Store, *, max_bytes: int = MAX_BYTES) -> None:
        self._lists = BiasEntries(store)
        self._max_bytes = max_bytes
        self._cached: OrderedDict[str, BiasList] = OrderedDict()

    async def bias(self, wanted: dict[str, Any] | None, language: str | None) -> Bias | None:
        """What a turn's `bias` option asks for; ready to use when the language is known already.

        A list that is no longer in Redis is left out: a transcript without its names is better than none.
        """
        if not wanted:
            return None
        found = [one for digest in wanted["lists"] if (one := await self._list(digest))]
        if not found:
            return None
        bias = Bias(tuple(found), float(wanted["strength"]))
        if language:
            await asyncio.to_thread(bias.compiled, language)
        self._evict()
        return bias

    def has(self, digest: str, phrase: str) -> bool:
        """Whether a list that is in memory has the phrase."""
        return digest in self._cached and self._cached[digest].has(phrase)

    async def _list(self, digest: str) -> BiasList | None:
        if digest not in self._cached:
            try:
                entries = await self._lists.load(digest)
            except NotFound:
                log.warning("a bias list is gone, decoding without it", extra={"digest": digest})
                return None
            self._cached.setdefault(digest, BiasList(entries))
        self._cached.move_to_end(digest)
        return self._cached[digest]

    def _evict(self) -> None:
        while len(self._cached) > 1 and sum(one.nbytes for one in self._cached.values()) > self._max_bytes:
            self._cached.popitem(last=False)
