"""What is done to the deployment: each fault breaks something, waits, and mends it."""

import asyncio
import random
import resource
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psutil
from redis.exceptions import RedisError

from loadtest.chaos.deployment import Deployment
from loadtest.chaos.machines import Loopback, Machine, Namespaces
from loadtest.chaos.services import Service
from loadtest.chaos.stores import until

HOUR_S = 3600
DYING_S = 2.0  # which one that ran out of memory may take to end
CLOCK_OFF_S = 4.0

Inject = Callable[[Deployment, random.Random], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Fault:
    """`weight`: how often it is drawn. `inject` returns what it did, once the cause is over; `missing` tells why it
    cannot be done on this machine, '' when it can."""

    weight: int
    inject: Inject
    missing: Callable[[Deployment], str] = lambda _: ""


async def _spare(deployment: Deployment, services: list[Service], rng: random.Random) -> Service:
    """One of several that all work: with the last one gone, it is their start that would be measured."""

    async def all_up() -> bool:
        return all([await deployment.up(service) for service in services])

    await until(all_up, "everything is up again")
    return rng.choice(services)


async def _kill(service: Service) -> str:
    service.signal(signal.SIGKILL)
    return service.name


async def _drain(service: Service) -> str:
    service.signal(signal.SIGTERM)
    return service.name


async def _stall(service: Service, seconds: float) -> str:
    service.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        service.signal(signal.SIGCONT)
    return f"{service.name} for {seconds:.1f} s"


async def worker_killed(deployment: Deployment, rng: random.Random) -> str:
    return await _kill(await _spare(deployment, deployment.workers, rng))


async def gateway_killed(deployment: Deployment, rng: random.Random) -> str:
    return await _kill(await _spare(deployment, deployment.gateways, rng))


async def all_workers_killed(deployment: Deployment, rng: random.Random) -> str:
    return " and ".join([await _kill(worker) for worker in deployment.workers])


async def worker_drained(deployment: Deployment, rng: random.Random) -> str:
    return await _drain(await _spare(deployment, deployment.workers, rng))


async def gateway_drained(deployment: Deployment, rng: random.Random) -> str:
    return await _drain(await _spare(deployment, deployment.gateways, rng))


async def worker_stalled(deployment: Deployment, rng: random.Random) -> str:
    return await _stall(await _spare(deployment, deployment.workers, rng), rng.uniform(0.5, 6.0))


async def gateway_stalled(deployment: Deployment, rng: random.Random) -> str:
    return await _stall(await _spare(deployment, deployment.gateways, rng), rng.uniform(0.5, 4.0))


async def redis_killed(deployment: Deployment, rng: random.Random) -> str:
    return await _kill((await deployment.stores.master()).service)


async def redis_restarted(deployment: Deployment, rng: random.Random) -> str:
    return await _drain((await deployment.stores.master()).service)


async def redis_stalled(deployment: Deployment, rng: random.Random) -> str:
    return await _stall((await deployment.stores.master()).service, rng.uniform(0.5, 3.0))


async def replica_killed(deployment: Deployment, rng: random.Random) -> str:
    master = await deployment.stores.master()
    return await _kill(next(server for server in deployment.stores.servers if server is not master).service)


async def redis_failed_over(deployment: Deployment, rng: random.Random) -> str:
    await deployment.stores.fail_over()
    return f"to {(await deployment.stores.master()).service.name}"


async def redis_disk_full(deployment: Deployment, rng: random.Random) -> str:
    """Its append-only file is written anew afterwards, as docs/reliability.md tells operators to do."""
    master, seconds = await deployment.stores.master(), rng.uniform(0.5, 2.0)
    master.service.excused = True  # with `appendfsync always` it ends itself
    await asyncio.to_thread(master.disk.fill)
    try:
        await asyncio.sleep(seconds)
        master.disk.free()
        await until(master.rewritten, "the append-only file is written anew")
    finally:
        master.disk.free()
        master.service.excused = False
    return f"for {seconds:.1f} s"


async def redis_memory_full(deployment: Deployment, rng: random.Random) -> str:
    client, seconds = (await deployment.stores.master()).client, rng.uniform(0.5, 2.0)
    await client.config_set("maxmemory", 1_000_000)
    try:
        await asyncio.sleep(seconds)
    finally:

        async def lifted() -> bool:
            return bool(await client.config_set("maxmemory", 0))

        await until(lifted, "the limit is lifted")
    return f"for {seconds:.1f} s"


async def worker_memory_full(deployment: Deployment, rng: random.Random) -> str:
    """No more address space than it has now: it may get by, or die of it."""
    worker, seconds = rng.choice(deployment.workers), rng.uniform(0.5, 2.0)
    worker.excused = True
    pid = worker.pid
    try:
        resource.prlimit(pid, resource.RLIMIT_AS, (psutil.Process(pid).memory_info().vms, resource.RLIM_INFINITY))
        await asyncio.sleep(seconds)
        if worker.pid == pid:
            resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (psutil.Error, ProcessLookupError):
        return f"{worker.name} died"
    finally:
        await asyncio.sleep(DYING_S)
        worker.excused = False
    return f"{worker.name} for {seconds:.1f} s"


async def clock_jumped(deployment: Deployment, rng: random.Random) -> str:
    name, hours = rng.choice(sorted(deployment.clocks)), rng.choice((-1, 1))
    deployment.clocks[name].put(hours * HOUR_S)
    try:
        await asyncio.sleep(CLOCK_OFF_S)
    finally:
        deployment.clocks[name].put(0)
    return f"{name} by {hours:+d} h for {CLOCK_OFF_S:.0f} s"


async def network_cut(deployment: Deployment, rng: random.Random) -> str:
    network, machine, seconds = _cable(deployment, rng), _anybody(deployment, rng), rng.uniform(0.5, 3.0)
    network.cut(machine)
    try:
        await asyncio.sleep(seconds)
    finally:
        network.mend(machine)
    return f"{machine.name} for {seconds:.1f} s"


async def network_slow(deployment: Deployment, rng: random.Random) -> str:
    network, machine, seconds = _cable(deployment, rng), _anybody(deployment, rng), rng.uniform(1.0, 3.0)
    discipline = network.slow(machine)
    try:
        await asyncio.sleep(seconds)
    finally:
        network.speed_up(machine)
    return f"{machine.name} for {seconds:.1f} s: {discipline}"


def _cable(deployment: Deployment, rng: random.Random) -> Namespaces:
    assert isinstance(deployment.network, Namespaces)
    return deployment.network


def _anybody(deployment: Deployment, rng: random.Random) -> Machine:
    return rng.choice(deployment.everything).machine


def _needs_network(deployment: Deployment) -> str:
    return deployment.network.reason if isinstance(deployment.network, Loopback) else ""


def _needs_disk(deployment: Deployment) -> str:
    reason = next((server.disk.reason for server in deployment.stores.servers if server.disk.reason), "")
    return f"no small file system may be mounted: {reason}" if reason else ""


def _needs_clock(deployment: Deployment) -> str:
    return "" if deployment.clocks else "no clock can be put (Debian package libfaketime)"


FAULTS: dict[str, Fault] = {
    "worker killed": Fault(8, worker_killed),
    "gateway killed": Fault(3, gateway_killed),
    "all workers killed": Fault(2, all_workers_killed),
    "worker drained": Fault(2, worker_drained),
    "gateway drained": Fault(1, gateway_drained),
    "worker stalled": Fault(3, worker_stalled),
    "gateway stalled": Fault(2, gateway_stalled),
    "Redis killed": Fault(4, redis_killed),
    "Redis restarted": Fault(2, redis_restarted),
    "Redis stalled": Fault(2, redis_stalled),
    "Redis failed over": Fault(2, redis_failed_over),
    "replica killed": Fault(1, replica_killed),
    "network cut": Fault(3, network_cut, _needs_network),
    "network slow": Fault(2, network_slow, _needs_network),
    "clock off by an hour": Fault(2, clock_jumped, _needs_clock),
    "Redis disk full": Fault(2, redis_disk_full, _needs_disk),
    "Redis memory full": Fault(2, redis_memory_full),
    "worker memory full": Fault(2, worker_memory_full),
}


def draw(kinds: list[str], count: int, seed: int) -> list[str]:
    """The kinds in the order in which they come; the same for the same seed, every kind before any comes again often.

    Every kind comes at least once where there is room for all."""
    rng = random.Random(seed)
    first = rng.sample(kinds, min(count, len(kinds)))
    rest = rng.choices(kinds, [FAULTS[kind].weight for kind in kinds], k=count - len(first))
    return first + rest


Unreachable = (RedisError, OSError, TimeoutError)
