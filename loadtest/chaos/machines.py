"""The hosts of a deployment: network namespaces on one bridge, so that a host can be cut off; or just this machine."""

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass

NARROW = ("tbf", "rate", "1500kbit", "burst", "8kb", "latency", "400ms")
SLOW = ("netem", "delay", "150ms", "50ms", "loss", "2%")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where processes run: what goes before their command, and the address they listen on."""

    name: str
    address: str
    prefix: tuple[str, ...] = ()
    link: str = ""  # its end of the cable, on the bridge


class Loopback:
    """No network that could be cut: all on this machine's loopback."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.home = Machine("home", "127.0.0.1")

    def machine(self, name: str) -> Machine:
        return Machine(name, "127.0.0.1")

    def close(self) -> None:
        """Nothing was made."""


class Namespaces:
    """A bridge with one network namespace per machine. `home` is where the bridge ends: clients and sentinels."""

    reason = ""

    def __init__(self) -> None:
        self._mark = f"sc{os.getpid() % 100_000}"
        self._subnet = f"10.213.{os.getpid() % 250}"  # of a bridge of its own; nothing leaves it
        self._names: list[str] = []
        self._links: dict[str, str] = {}
        self.home = Machine("home", f"{self._subnet}.1")
        _ip("link", "add", self._mark, "type", "bridge", "stp_state", "0", "forward_delay", "0")
        _ip("addr", "add", f"{self._subnet}.1/24", "dev", self._mark)
        _ip("link", "set", self._mark, "up")

    def machine(self, name: str) -> Machine:
        space, link = f"{self._mark}-{name}", f"{self._mark}p{len(self._names)}"
        address = f"{self._subnet}.{len(self._names) + 10}"
        _ip("netns", "add", space)
        self._names.append(space)
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("link", "set", link, "master", self._mark)
        _ip("link", "set", link, "up")
        for words in (("addr", "add", f"{address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
            _ip("-n", space, *words)
        _ip("-n", space, "link", "set", "lo", "up")
        return Machine(name, address, ("ip", "netns", "exec", space), link)

    def cut(self, machine: Machine) -> None:
        """Nothing reaches the machine, nothing leaves it, nobody is told."""
        _ip("link", "set", machine.link, "down")

    def mend(self, machine: Machine) -> None:
        _ip("link", "set", machine.link, "up")

    def slow(self, machine: Machine) -> str:
        """Delays what goes to the machine; which kind of delay the kernel has."""
        for discipline in (SLOW, NARROW):
            if not _tc("replace", "dev", machine.link, "root", *discipline):
                return " ".join(discipline)
        raise OSError("the kernel knows neither netem nor tbf")

    def speed_up(self, machine: Machine) -> None:
        _tc("del", "dev", machine.link, "root")

    def close(self) -> None:
        for space in self._names:
            with contextlib.suppress(OSError):
                _ip("netns", "del", space)
        with contextlib.suppress(OSError):
            _ip("link", "del", self._mark)


Network = Loopback | Namespaces


def network(*, wanted: bool = True) -> Network:
    """Namespaces where they may be made, else loopback, which tells why."""
    if not wanted:
        return Loopback("not asked for")
    if shutil.which("ip") is None or shutil.which("tc") is None:
        return Loopback("no ip and tc on the PATH (Debian package iproute2)")
    try:
        return Namespaces()
    except OSError as error:
        return Loopback(f"network namespaces may not be made here: {error}")


def _ip(*words: str) -> None:
    """Raises OSError with what `ip` said."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip())


def _tc(*words: str) -> int:
    return subprocess.run(["tc", "qdisc", *words], capture_output=True, check=False).returncode
