"""Who still needs a model: open and resumable streams, recordings, jobs. A model in use is not unloaded."""

import time
from collections.abc import Iterable

from service.log.store import Store


class Uses:
    """A sorted set per model, of whoever uses it until when; an entry whose owner died lapses."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def hold(self, uses: Iterable[tuple[str, str]], ttl_s: float) -> None:
        """For each (model, user): it is in use for `ttl_s` from now."""
        until = time.time() + ttl_s
        by_model: dict[str, dict[str, float]] = {}
        for model, user in uses:
            by_model.setdefault(model, {})[user] = until
        pipe = self._store.redis.pipeline(transaction=False)
        for model, users in by_model.items():
            pipe.zadd(self._store.keys.uses(model), users)
        await pipe.execute()

    async def release(self, model: str, user: str) -> None:
        await self._store.redis.zrem(self._store.keys.uses(model), user)

    async def count(self, models: Iterable[str]) -> dict[str, int]:
        """How many use each model; what has lapsed is dropped."""
        asked = tuple(models)
        pipe = self._store.redis.pipeline(transaction=False)
        for model in asked:
            pipe.zremrangebyscore(self._store.keys.uses(model), "-inf", time.time())
            pipe.zcard(self._store.keys.uses(model))
        replies = await pipe.execute()
        return dict(zip(asked, replies[1::2], strict=True))
