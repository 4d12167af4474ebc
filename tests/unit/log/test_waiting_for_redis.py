"""A process that starts before its Redis waits for it, though not for ever, and not for one that lets it not in."""

import itertools

import pytest
from redis.exceptions import AuthenticationError, ConnectionError, RedisError

from service.errors import StoreUnavailable
from service.log import store as store_module
from service.log.store import Store


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """Each check lasts 15 s."""
    clock = itertools.count(step=15)
    monkeypatch.setattr(store_module.time, "monotonic", lambda: float(next(clock)))
    return Store("redis://nowhere", prefix="t")


def answering(monkeypatch: pytest.MonkeyPatch, store: Store, *errors: RedisError) -> list[RedisError]:
    """Every ping fails with the next error, and succeeds when there is none left; those that are left."""
    left = list(errors)

    async def ping() -> None:
        if left:
            raise left.pop(0)

    monkeypatch.setattr(store.redis, "ping", ping)
    return left


async def test_a_redis_that_comes_later_is_waited_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    left = answering(monkeypatch, store, ConnectionError(), ConnectionError())
    await store.wait()
    assert left == []


async def test_one_that_stays_away_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    left = answering(monkeypatch, store, *(ConnectionError() for _ in range(20)))
    with pytest.raises(StoreUnavailable):
        await store.wait()
    assert len(left) == 16


async def test_a_wrong_password_is_told_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    left = answering(monkeypatch, store, AuthenticationError(), ConnectionError())
    with pytest.raises(StoreUnavailable):
        await store.wait()
    assert len(left) == 1
