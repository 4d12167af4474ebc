"""From REDIS_URL to a client: one server, a master that sentinels name, or a cluster.

    redis://[[user]:password@]host:port/db                           rediss:// with TLS; unix:///path/to/socket
    redis+sentinel://[[user]:password@]host:port,host:port/master/db   ports of the sentinels; ?sentinel_password=…
    redis+cluster://[[user]:password@]host:port,host:port              some of the nodes

Further options of redis-py follow as a query, such as ssl_ca_certs=/path/ca.crt, ssl_certfile and ssl_keyfile.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ConnectionError,
    RedisClusterException,
    TimeoutError,
)

T = TypeVar("T")

RETRIES = 40  # with the pauses below: rides out about 15 s of a restarting server, or of a fail-over
PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.5
# redis-py refuses commands beyond 100 at once; a gateway's streams may all speak in the same moment
MAX_CONNECTIONS = 2_000
SENTINEL_TIMEOUT_S = 1.0


def connect(url: str) -> "Redis | RedisCluster":
    """A client whose commands are retried for a while. Connects with its first command. Raises ValueError."""
    parts = urlsplit(url)
    scheme, _, topology = parts.scheme.partition("+")
    options: dict[str, Any] = {
        "decode_responses": False,
        "socket_connect_timeout": 5,
        "socket_timeout": 10,
        "health_check_interval": 30,
        "max_connections": MAX_CONNECTIONS,
        "retry": Patience(ExponentialWithJitterBackoff(base=PAUSE_S, cap=LONGEST_PAUSE_S), RETRIES),
        "driver_info": None,  # looking up its version for CLIENT SETINFO costs as much as connecting
        "retry_on_error": [ConnectionError, TimeoutError, BusyLoadingError],
    }
    if not topology:
        return Redis.from_url(url, **options)
    if scheme not in ("redis", "rediss") or topology not in ("sentinel", "cluster"):
        raise ValueError(f"{parts.scheme}:// is not known: redis, rediss or unix, with +sentinel or +cluster")
    addresses = [_address(each) for each in parts.netloc.rpartition("@")[2].split(",")]
    if topology == "cluster":
        return PatientCluster(startup_nodes=[ClusterNode(*each) for each in addresses], **options | _given(parts))
    return _master(parts, addresses, options)


async def close(client: "Redis | RedisCluster") -> None:
    await client.aclose()
    if isinstance(client, Redis) and isinstance(client.connection_pool, SentinelConnectionPool):
        await client.connection_pool.sentinel_manager.aclose()


class Patience(Retry):
    """Does not ask again where it was not let in, which to redis-py is a connection that broke."""

    async def call_with_retry(
        self,
        do: Callable[[], Awaitable[T]],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> T:
        return await super().call_with_retry(do, fail, is_retryable or _may_mend, with_failure_count)


class PatientCluster(RedisCluster):
    """Waits for a fail-over. redis-py itself asks the cluster anew at once, again and again, and gives up within a
    second; and when no node can be reached, it raises what is no RedisError."""

    async def initialize(
        self,
        additional_startup_nodes_info: list[tuple[str, int]] | None = None,
        last_failed_node_name: str | None = None,
    ) -> RedisCluster:
        if last_failed_node_name:
            await asyncio.sleep(LONGEST_PAUSE_S)

        async def ask() -> RedisCluster:
            try:
                return await super(PatientCluster, self).initialize(
                    additional_startup_nodes_info, last_failed_node_name
                )
            except RedisClusterException as error:
                raise ConnectionError(str(error)) from error

        return await self.retry.call_with_retry(ask, _nothing_to_mend)


class _AsksFirst:
    """Asks the sentinels before every connecting. redis-py itself does so for a new connection only: one that broke
    would go on trying the master that has died, for as long as its retries last."""

    host: str
    port: int
    connection_pool: Any

    async def _connect(self) -> None:
        self.host, self.port = await self.connection_pool.get_master_address()
        await super()._connect()  # type: ignore[misc]  # of the connection that this is mixed into

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        """A sentinel that has not heard of a fail-over yet names the former master: what is read there is old."""
        await super().on_connect_check_health(check_health=check_health)  # type: ignore[misc]
        await self.send_command("ROLE", check_health=False)  # type: ignore[attr-defined]
        role = (await self.read_response())[0]  # type: ignore[attr-defined]
        if role not in (b"master", "master"):
            raise ConnectionError(f"{self.host}:{self.port} is no master any more")


class MasterConnection(_AsksFirst, SentinelManagedConnection):
    """To the master of the moment."""


class MasterTLSConnection(_AsksFirst, SentinelManagedSSLConnection):
    """The same with TLS."""


def is_refusal(error: BaseException | None) -> bool:
    """Whether Redis does not let us in, which asking again does not change."""
    if error is None:
        return False
    return isinstance(error, AuthenticationError | AuthorizationError) or is_refusal(error.__cause__)


def _may_mend(error: Exception) -> bool:
    return not is_refusal(error)


async def _nothing_to_mend(_: Exception) -> None:
    """What redis-py wants to be called between two tries."""


def _master(parts: SplitResult, addresses: list[tuple[str, int]], options: dict[str, Any]) -> Redis:
    name, _, database = parts.path.strip("/").partition("/")
    if not name:
        raise ValueError("behind the sentinels goes the name of their master: redis+sentinel://HOST:PORT/MASTER")
    given = _given(parts._replace(path=f"/{database}"))
    of_sentinels = {name: value for name, value in given.items() if name.startswith("ssl")} | {
        "socket_connect_timeout": SENTINEL_TIMEOUT_S,
        "socket_timeout": SENTINEL_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),  # the next one is asked
        "password": given.pop("sentinel_password", None),
        "username": given.pop("sentinel_username", None),
    }
    untyped: Any = Sentinel
    sentinel = untyped(addresses, sentinel_kwargs=of_sentinels, **options | given)
    connection = MasterTLSConnection if given.get("ssl") else MasterConnection
    master: Redis = sentinel.master_for(name, connection_class=connection)
    return master


def _given(parts: SplitResult) -> dict[str, Any]:
    """What else the URL says, in redis-py's words."""
    scheme = parts.scheme.partition("+")[0]
    user, at, _ = parts.netloc.rpartition("@")
    options: dict[str, Any] = dict(parse_url(parts._replace(scheme=scheme, netloc=f"{user}{at}host").geturl()))
    options.pop("host")
    if options.pop("connection_class", None) is SSLConnection:
        options["ssl"] = True
    return options


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise ValueError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)
