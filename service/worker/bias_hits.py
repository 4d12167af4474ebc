"""Which bias lists were of use: phrases in published finals, counted for the list that each came from."""

import logging
from collections import Counter
from collections.abc import Sequence

from redis.exceptions import RedisError

from service.log.event_log import Event
from service.log.figures import Figures
from service.log.store import Store
from service.log.turns import Turn
from service.worker.bias_cache import BiasCache

log = logging.getLogger(__name__)


class BiasHits:
    """Lists go by the digest of their content: what a name pointed to when it was spoken."""

    def __init__(self, store: Store, biases: BiasCache) -> None:
        self._figures = Figures(store)
        self._biases = biases

    async def count(self, turn: Turn, final: Event | None) -> None:
        """Counts the phrases of a final that has just been published. Never fails: the final is out."""
        phrases = [match["phrase"] for match in (final or {}).get("bias", ())]
        if not phrases:
            return
        hits = Counter(self._list_of(phrase, turn.options["bias"]["lists"]) for phrase in phrases)
        try:
            await self._figures.add({("bias_hits", digest): float(times) for digest, times in hits.items()})
        except RedisError as error:
            log.warning("cannot count what bias lists were good for", extra={"reason": str(error)})

    def _list_of(self, phrase: str, digests: Sequence[str]) -> str:
        """Where lists share a phrase the first counts; also where none in memory has it, as it was decoded by
        another worker."""
        if len(digests) == 1:
            return digests[0]
        return next((digest for digest in digests if self._biases.has(digest, phrase)), digests[0])
