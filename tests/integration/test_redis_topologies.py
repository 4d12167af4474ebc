"""Fail-over of a cluster, and of a master that sentinels watch; TLS: what was written stays, what is done goes on."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trustme

from service.log.store import Store
from service.log.turns import Turn, TurnQueue
from service.settings import Settings
from tests.redis_topologies import Cluster, Server, Watched, until
from tests.stack import free_port

MODELS = [f"model-{n}" for n in range(12)]  # their queues lie on all nodes of a cluster
TURN = Turn(kind="final", session="s_1", utterance=0, start=0, end=16_000, speech_end=15_000, options={})


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path / "cluster")
    yield cluster
    cluster.close()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path / "watched")
    yield watched
    watched.close()


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    store = Store(url, prefix="test")
    yield store
    await store.close()


async def queued(store: Store) -> list[int]:
    return [(await TurnQueue(store, model).lengths())["final"] for model in MODELS]


async def enqueue_everywhere(store: Store) -> None:
    for model in MODELS:
        await TurnQueue(store, model).enqueue(TURN)


async def test_a_cluster_that_loses_a_primary_loses_nothing(cluster: Cluster) -> None:
    async with opened(cluster.url) as store:
        await enqueue_everywhere(store)
        cluster.kill_first_primary()
        await asyncio.gather(*(enqueue_everywhere(store) for _ in range(10)))
        assert await queued(store) == [11] * len(MODELS)


async def test_a_master_that_dies_is_replaced_and_nothing_is_lost(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("REDIS_URL", watched.url.replace("//", f"//{nobody},"))
    monkeypatch.setenv("REDIS_PASSWORD", watched.PASSWORD)
    monkeypatch.setenv("REDIS_SENTINEL_PASSWORD", watched.SENTINEL_PASSWORD)
    async with opened(Settings().redis_url or "") as store:
        await enqueue_everywhere(store)
        watched.kill_master()
        await asyncio.gather(*(enqueue_everywhere(store) for _ in range(10)))
        assert await queued(store) == [11] * len(MODELS)


async def test_a_server_is_believed_by_the_authority_that_the_url_names(tmp_path: Path) -> None:
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("no redis-server on the PATH (Debian package redis-server)")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    mine = authority.issue_cert("127.0.0.1")
    mine.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    tls_port = free_port()
    names = {"cert-file": "server.pem", "key-file": "server.pem", "ca-cert-file": "ca.crt"}
    files = [part for name, file in names.items() for part in (f"--tls-{name}", str(tmp_path / file))]
    arguments = ["--tls-port", str(tls_port), *files, "--tls-auth-clients", "no"]
    server = Server(tmp_path / "redis", *arguments, binary=binary)
    try:
        until(server.answers, "the server answers")
        async with opened(f"rediss://127.0.0.1:{tls_port}/0?ssl_ca_certs={tmp_path}/ca.crt") as store:
            await store.check()
    finally:
        server.kill()
