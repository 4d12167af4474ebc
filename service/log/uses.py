"""Who still needs a model: open and resumable streams, recordings, jobs. A model in use is not unloaded."""

from collections.abc import Iterable

from service.log.store import Store


class Uses:
    """A sorted set per model, of whoever uses it until when; an entry whose owner died lapses."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def hold(self, uses: Iterable[tuple[str, str]], ttl_s: float) -> None:
        """For each (model, user): it is in use for `ttl_s` from now."""
        by_model: dict[str, set[str]] = {}
        for model, user in uses:
            by_model.setdefault(model, set()).add(user)
        keys = {model: self._store.keys.uses(model) for model in by_model}
        until = {model: await self._store.clock(key) + ttl_s for model, key in keys.items()}
        pipe = self._store.redis.pipeline(transaction=False)
        for model, users in by_model.items():
            pipe.zadd(keys[model], dict.fromkeys(users, until[model]))
        await pipe.execute()

    async def release(self, model: str, user: str) -> None:
        await self._store.redis.zrem(self._store.keys.uses(model), user)

    async def count(self, models: Iterable[str]) -> dict[str, int]:
        """How many use each model; what has lapsed is dropped."""
        keys = {model: self._store.keys.uses(model) for model in models}
        now = {model: await self._store.clock(key) for model, key in keys.items()}
        pipe = self._store.redis.pipeline(transaction=False)
        for model, key in keys.items():
            pipe.zremrangebyscore(key, "-inf", now[model])
            pipe.zcard(key)
        replies = await pipe.execute()
        return dict(zip(keys, replies[1::2], strict=True))
