"""What a REDIS_URL means, and what it cannot mean."""

import pytest
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import SSLConnection

from service.log.topology import MasterTLSConnection, connect
from service.settings import Settings


def test_one_server_with_tls() -> None:
    client = connect("rediss://user:p%40ss@host:7000/3?ssl_ca_certs=/ca.crt")
    assert isinstance(client, Redis)
    assert client.connection_pool.connection_class is SSLConnection
    wanted = {"host": "host", "port": 7000, "db": 3, "username": "user", "password": "p@ss", "ssl_ca_certs": "/ca.crt"}
    assert client.connection_pool.connection_kwargs.items() >= wanted.items()


def test_sentinels_with_tls_and_two_passwords() -> None:
    client = connect("rediss+sentinel://:p@a:26379,[::1]:26380/speech/2?ssl_ca_certs=/ca.crt&sentinel_password=q")
    assert isinstance(client, Redis)
    pool = client.connection_pool
    assert (pool.service_name, pool.connection_class) == ("speech", MasterTLSConnection)
    assert pool.connection_kwargs.items() >= {"db": 2, "password": "p", "ssl_ca_certs": "/ca.crt"}.items()
    watchers = [sentinel.connection_pool.connection_kwargs for sentinel in pool.sentinel_manager.sentinels]
    assert [(each["host"], each["port"]) for each in watchers] == [("a", 26379), ("::1", 26380)]
    assert all(each.items() >= {"password": "q", "ssl_ca_certs": "/ca.crt"}.items() for each in watchers)


def test_a_cluster_with_tls() -> None:
    client = connect("rediss+cluster://user:p@a:1,b:2?ssl_ca_certs=/ca.crt")
    assert isinstance(client, RedisCluster)
    assert [(node.host, node.port) for node in client.startup_nodes] == [("a", 1), ("b", 2)]
    wanted = {"username": "user", "password": "p", "connection_class": SSLConnection, "ssl_ca_certs": "/ca.crt"}
    assert client.connection_kwargs.items() >= wanted.items()


@pytest.mark.parametrize(
    "url", ["redis+sentinel://a:1", "redis+sentinel://a/speech", "redis+cluster://a", "redis+ring://a:1", "http://a:1"]
)
def test_what_no_server_can_be_found_by_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|known|scheme"):
        connect(url)


def test_more_streams_may_speak_at_once_than_redis_py_would_let() -> None:
    assert connect("redis://a:1").connection_pool.max_connections > 1_000


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("redis://host:1/0", "redis://:p%40%2F@host:1/0"),
        ("rediss://user@host:1/0", "rediss://user:p%40%2F@host:1/0"),
        ("redis://user:own@host:1/0", "redis://user:own@host:1/0"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("redis+cluster://a:1,b:2", "redis+cluster://:p%40%2F@a:1,b:2"),
        ("redis+sentinel://a:1,b:2/speech/0", "redis+sentinel://:p%40%2F@a:1,b:2/speech/0?sentinel_password=q%26"),
        (
            "redis+sentinel://:x@a:1/speech?sentinel_password=own",
            "redis+sentinel://:x@a:1/speech?sentinel_password=own",
        ),
    ],
)
def test_passwords_come_in_variables_of_their_own(monkeypatch: pytest.MonkeyPatch, url: str, whole: str) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    monkeypatch.setenv("REDIS_PASSWORD", "p@/")
    monkeypatch.setenv("REDIS_SENTINEL_PASSWORD", "q&")
    assert Settings().redis_url == whole
