"""The connection to Redis, the names of its keys, and the Lua scripts.

All keys of one session share a hash tag, as do the turn queues of one model, the counters of one tenant and all bias
lists, so every script touches one Redis Cluster slot.
"""

import logging
import time
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from redis.asyncio import RedisCluster
from redis.exceptions import ConnectionError, NoScriptError, RedisError, TimeoutError

from service.errors import StoreUnavailable
from service.log import topology
from service.log.pipelining import Pipelining

log = logging.getLogger(__name__)

PATIENCE_S = 45.0  # with a process that starts; one check lasts 15 s

TurnKind = Literal["final", "partial", "bulk"]
TURN_KINDS: tuple[TurnKind, ...] = ("final", "partial", "bulk")

SCRIPTS = (
    "ack",
    "append",
    "begin",
    "claim",
    "clock",
    "count_request",
    "emit",
    "finish",
    "forget_consumers",
    "grant",
    "keep_bias_entries",
    "keep_claims",
    "oldest",
    "open_stream",
    "point_bias_list",
    "publish_draft",
    "publish_final",
    "publish_partial",
    "replace",
    "replace_field",
    "request_partial",
    "settle",
    "take_over",
)


@dataclass(frozen=True, slots=True)
class Keys:
    """Names of the keys; `prefix` keeps deployments in one Redis apart."""

    prefix: str

    def state(self, session: str) -> str:
        return f"{self.prefix}:{{{session}}}:state"

    def audio(self, session: str) -> str:
        return f"{self.prefix}:{{{session}}}:audio"

    def events(self, session: str) -> str:
        return f"{self.prefix}:{{{session}}}:events"

    def turns(self, model: str, kind: TurnKind) -> str:
        return f"{self.prefix}:{{turns:{model}}}:{kind}"

    def dead_turns(self, model: str) -> str:
        return f"{self.prefix}:{{turns:{model}}}:dead"

    def uses(self, model: str) -> str:
        return f"{self.prefix}:{{turns:{model}}}:uses"

    def workers(self) -> str:
        return f"{self.prefix}:workers"

    def hosts(self) -> str:
        return f"{self.prefix}:hosts"

    def gateways(self) -> str:
        return f"{self.prefix}:gateways"

    def figures(self, slot: int) -> str:
        return f"{self.prefix}:figures:{slot}"

    def sampler(self) -> str:
        return f"{self.prefix}:figures:sampler"

    def deployment(self) -> str:
        return f"{self.prefix}:deployment"

    def open_sessions(self) -> str:
        return f"{self.prefix}:open"

    def wake(self, gateway: str) -> str:
        return f"{self.prefix}:wake:{gateway}"

    def job(self, job: str) -> str:
        return f"{self.prefix}:{{job:{job}}}:record"

    def upload(self, job: str) -> str:
        return f"{self.prefix}:{{job:{job}}}:upload"

    def job_queue(self) -> str:
        return f"{self.prefix}:{{jobs}}:waiting"

    def bias_lists(self, tenant: str) -> str:
        return f"{self.prefix}:{{bias}}:lists:{tenant}"

    def bias_entries(self, digest: str) -> str:
        return f"{self.prefix}:{{bias}}:entries:{digest}"

    def client_secret(self, hashed: str) -> str:
        return f"{self.prefix}:secret:{hashed}"

    def meter(self, session: str) -> str:
        return f"{self.prefix}:{{{session}}}:meter"

    def kept(self, session: str) -> str:
        return f"{self.prefix}:{{{session}}}:kept"

    def metered(self) -> str:
        return f"{self.prefix}:metered"

    def tenant_requests(self, tenant: str) -> str:
        return f"{self.prefix}:{{tenant:{tenant}}}:requests"

    def tenant_streams(self, tenant: str) -> str:
        return f"{self.prefix}:{{tenant:{tenant}}}:streams"

    def tenant_allowance(self, tenant: str) -> str:
        return f"{self.prefix}:{{tenant:{tenant}}}:allowance"

    def tenant_account(self, tenant: str, account: str) -> str:
        return f"{self.prefix}:{{tenant:{tenant}}}:account:{account}"

    def tenant_usage(self, tenant: str, day: str) -> str:
        return f"{self.prefix}:{{tenant:{tenant}}}:usage:{day}"

    def audit(self) -> str:
        return f"{self.prefix}:audit"

    def tenants(self) -> str:
        return f"{self.prefix}:tenants"

    def api_keys(self) -> str:
        return f"{self.prefix}:api_keys"

    def api_keys_used(self) -> str:
        return f"{self.prefix}:api_keys_used"


class Store:
    """A Redis client with its scripts. Commands are retried through a restart of the server: every script is
    safe to run twice, because the reply of its first run may have been lost."""

    def __init__(self, url: str, *, prefix: str) -> None:
        self.url = url
        self.keys = Keys(prefix)
        # Any: redis-py's reply types are unions over every protocol and decoding mode
        self.redis: Any = topology.connect(url)
        folder = files("service.log") / "scripts"
        self._scripts = {
            name: self.redis.register_script((folder / f"{name}.lua").read_text("utf-8")) for name in SCRIPTS
        }
        # redis-py runs no scripts in a cluster's pipelines
        self._pipelining = None if isinstance(self.redis, RedisCluster) else Pipelining(self.redis)

    async def script(self, name: str, keys: list[str], args: list[Any]) -> Any:
        """Runs a script. Raises StoreUnavailable when Redis stays away for longer than the retries last."""
        script = self._scripts[name]
        try:
            if self._pipelining:
                try:
                    return await self._pipelining.execute("EVALSHA", script.sha, len(keys), *keys, *args)
                except NoScriptError:
                    pass  # it is loaded below
            return await script(keys=keys, args=args)
        except (ConnectionError, TimeoutError) as error:
            raise unavailable(error) from error

    async def command(self, *command: Any) -> Any:
        """Runs a command that is safe to run twice, together with what others ask for in the same moment."""
        run = self._pipelining.execute if self._pipelining else self.redis.execute_command
        return await run(*command)

    async def clock(self, key: str) -> float:
        """Unix time in seconds by the server that holds `key`. Times that machines compare are all its: a machine
        whose own clock is off harms nobody. Raises StoreUnavailable."""
        seconds, micros = await self.script("clock", [key], [])
        return int(seconds) + int(micros) / 1e6

    async def check(self) -> None:
        """Raises StoreUnavailable unless Redis answers a ping."""
        try:
            await self.redis.ping()
        except RedisError as error:
            raise StoreUnavailable(f"Redis does not answer: {error}") from error

    async def wait(self) -> None:
        """Returns once Redis answers: it may start later than whoever needs it. Raises StoreUnavailable when it has
        not for `PATIENCE_S`, or will not let us in."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return await self.check()
            except StoreUnavailable as error:
                if time.monotonic() > deadline or topology.is_refusal(error):
                    raise
                log.warning("waiting for Redis", extra={"reason": str(error)})

    async def close(self) -> None:
        if self._pipelining:
            await self._pipelining.close()
        await topology.close(self.redis)


def unavailable(error: RedisError) -> StoreUnavailable:
    """What callers are told. Where Redis is and why it does not answer is for the log."""
    log.warning("Redis does not answer", extra={"reason": str(error)})
    return StoreUnavailable("Redis does not answer")
