"""Fixtures that every suite may use: the base model, real Redis servers, a real `sotto serve`."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from service.log.private import PrivateRedis, find_server
from service.log.store import Store
from service.settings import Settings
from tests.stack import Stack

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def base_model_dir() -> Path:
    folder = Settings().data_dir / "models" / "base"
    if not (folder / "model.bin").exists():
        pytest.fail("the base model is missing: run `sotto models fetch base` (make test does)")
    return folder


@pytest.fixture(scope="session", params=["valkey", "redis"])
def redis_binary(request: pytest.FixtureRequest) -> str:
    """The bundled Valkey and Debian's redis-server: one contract for both."""
    if request.param == "valkey":
        return find_server()
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("no redis-server on the PATH (Debian package redis-server)")
    return binary


@pytest.fixture(scope="session")
def redis_server(redis_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    server = PrivateRedis(tmp_path_factory.mktemp("redis"), binary=redis_binary)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def store(redis_server: PrivateRedis) -> AsyncIterator[Store]:
    store = Store(redis_server.url, prefix="test")
    await store.redis.flushall()
    yield store
    await store.close()


@pytest.fixture(scope="session")
def live_stack(base_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One gateway and one worker that tests share; nothing in it is broken on purpose."""
    stack = Stack(tmp_path_factory.mktemp("live"), SOTTO_WEBHOOK_SECRET="s3cret", SOTTO_WEBHOOK_ALLOW_PRIVATE="1")
    try:
        _, url = stack.gateway()
        stack.worker()
        stack.ready(url)
        stack.url = url
        yield stack
    finally:
        stack.close()


@pytest.fixture(scope="session")
def live_server(live_stack: Stack) -> str:
    """Base URL of a real server that decodes."""
    return live_stack.url
