"""Real servers in more than one piece: a cluster, and a master with a replica that sentinels watch."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import redis

from service.log.private import find_server
from tests.stack import free_port

PATIENCE_S = 30.0
SILENCE_MS = 500  # a server that is silent for so long counts as dead


def until(said: Callable[[], bool], what: str) -> None:
    """Asks again and again until `said` says yes; a server that does not answer says no."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if said():
                return
        except redis.RedisError:
            pass
        time.sleep(0.02)
    raise AssertionError(f"not within {PATIENCE_S:.0f} s: {what}")


class Server:
    """One server, the bundled Valkey if not another `binary`, on a port of its own."""

    def __init__(self, folder: Path, *arguments: str, port: int | None = None, binary: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.client = redis.Redis(port=self.port, socket_timeout=1)
        self._process = subprocess.Popen(
            [
                binary or find_server(),
                *arguments,
                "--port",
                str(self.port),
                "--dir",
                str(folder),
                "--bind",
                "127.0.0.1",
            ],
            stdin=subprocess.DEVNULL,
            stdout=(folder / "log").open("wb"),
            stderr=subprocess.STDOUT,
        )

    def answers(self) -> bool:
        return bool(self.client.ping())

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self.client.close()


def kill_followed(master: Server, replica: Server) -> None:
    """Kills a master whose replica has all that it has."""

    def caught_up() -> bool:
        return offset(master) == offset(replica)

    def offset(server: Server) -> int:
        return int(server.client.info("replication")["master_repl_offset"])

    until(caught_up, "the replica has caught up")
    master.kill()


class Cluster:
    """Three primaries; the first has a replica."""

    def __init__(self, folder: Path) -> None:
        options = ["--cluster-enabled", "yes", "--cluster-node-timeout", str(SILENCE_MS), "--save", ""]
        # the bus listens 10,000 ports higher, which must be a port as well
        ports: list[int] = []
        while len(ports) < 4:
            if (port := free_port() % 20_000 + 20_000) not in ports:
                ports.append(port)
        self.nodes = [Server(folder / str(n), *options, port=port) for n, port in enumerate(ports)]
        *primaries, replica = self.nodes
        for node in self.nodes:
            until(node.answers, "a node answers")
        for primary, (first, last) in zip(primaries, ((0, 5460), (5461, 10922), (10923, 16383)), strict=True):
            primary.client.execute_command("CLUSTER ADDSLOTSRANGE", first, last)
        for node in self.nodes[1:]:
            node.client.execute_command("CLUSTER MEET", "127.0.0.1", primaries[0].port)
        until(lambda: all(len(node.client.cluster("nodes")) == len(self.nodes) for node in self.nodes), "all have met")
        replica.client.execute_command("CLUSTER REPLICATE", primaries[0].client.execute_command("CLUSTER MYID"))
        until(lambda: all(node.client.cluster("info")["cluster_state"] == "ok" for node in self.nodes), "it is whole")
        until(lambda: replica.client.info("replication").get("master_link_status") == "up", "the replica follows")
        self.url = "redis+cluster://" + ",".join(node.address for node in primaries)

    def kill_first_primary(self) -> None:
        kill_followed(self.nodes[0], self.nodes[3])

    def close(self) -> None:
        for node in self.nodes:
            node.kill()


class Watched:
    """A master and a replica, and three sentinels, which ask for a password; so do the servers, for another."""

    PASSWORD, SENTINEL_PASSWORD = "of servers", "of sentinels"

    def __init__(self, folder: Path) -> None:
        secret = ["--requirepass", self.PASSWORD, "--masterauth", self.PASSWORD, "--save", ""]
        self.master = Server(folder / "master", *secret)
        self.replica = Server(folder / "replica", *secret, "--replicaof", "127.0.0.1", str(self.master.port))
        for server in (self.master, self.replica):
            server.client.close()
            server.client = redis.Redis(port=server.port, password=self.PASSWORD, socket_timeout=1)
            until(server.answers, "a server answers")
        # or the sentinels would hear of it only ten seconds later
        until(lambda: self.replica.client.info("replication").get("master_link_status") == "up", "the replica follows")
        self.sentinels = [self._sentinel(folder / f"sentinel{n}") for n in range(3)]
        for sentinel in self.sentinels:
            until(lambda sentinel=sentinel: self._knows_all(sentinel), "the sentinels know each other and the replica")
        self.url = "redis+sentinel://" + ",".join(each.address for each in self.sentinels) + "/speech/1"

    def _sentinel(self, folder: Path) -> Server:
        folder.mkdir()
        conf = folder / "sentinel.conf"
        conf.write_text(
            f"sentinel monitor speech 127.0.0.1 {self.master.port} 2\n"
            f"sentinel auth-pass speech {self.PASSWORD!r}\n"
            f"sentinel down-after-milliseconds speech {SILENCE_MS}\n"
            "sentinel failover-timeout speech 2000\n"
            f"requirepass {self.SENTINEL_PASSWORD!r}\n"
            f"sentinel sentinel-pass {self.SENTINEL_PASSWORD!r}\n"
        )
        sentinel = Server(folder, str(conf), "--sentinel")
        sentinel.client.close()
        sentinel.client = redis.Redis(port=sentinel.port, password=self.SENTINEL_PASSWORD, socket_timeout=1)
        return sentinel

    def _knows_all(self, sentinel: Server) -> bool:
        state = sentinel.client.sentinel_master("speech")
        return bool(state["num-other-sentinels"] == 2 and state["num-slaves"] == 1)

    def kill_master(self) -> None:
        kill_followed(self.master, self.replica)

    def close(self) -> None:
        for server in (*self.sentinels, self.replica, self.master):
            server.kill()
