"""One contract for every kind of store: the bundled Valkey, Debian's redis-server, a cluster."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from service.log.private import PrivateRedis, find_server
from tests.redis_topologies import Cluster


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], PrivateRedis | Cluster]]:
    """Each kind of store as it is first asked for, kept to the end: a cluster takes seconds to become one."""
    with ExitStack() as running:

        @cache
        def store(kind: str) -> PrivateRedis | Cluster:
            folder = tmp_path_factory.mktemp(kind)
            if kind == "cluster":
                cluster = Cluster(folder)
                running.callback(cluster.close)
                return cluster
            binary = find_server() if kind == "valkey" else shutil.which("redis-server")
            if binary is None:
                pytest.skip("no redis-server on the PATH (Debian package redis-server)")
            server = PrivateRedis(folder, binary=binary)
            server.start()
            running.callback(server.stop)
            return server

        yield store


@pytest.fixture(scope="session", params=["valkey", "redis", "cluster"])
def redis_server(
    request: pytest.FixtureRequest, stores: Callable[[str], PrivateRedis | Cluster]
) -> PrivateRedis | Cluster:
    return stores(request.param)
