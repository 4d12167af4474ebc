"""One contract for every kind of store: the bundled Valkey, Debian's redis-server, a cluster."""

import shutil
from collections.abc import Iterator

import pytest

from service.log.private import PrivateRedis, find_server
from tests.redis_topologies import Cluster


@pytest.fixture(scope="session", params=["valkey", "redis", "cluster"])
def redis_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivateRedis | Cluster]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "cluster":
        cluster = Cluster(folder)
        yield cluster
        cluster.close()
        return
    binary = find_server() if request.param == "valkey" else shutil.which("redis-server")
    if binary is None:
        pytest.skip("no redis-server on the PATH (Debian package redis-server)")
    server = PrivateRedis(folder, binary=binary)
    server.start()
    yield server
    server.stop()
