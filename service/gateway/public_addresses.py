"""URLs that somebody else named: looked up once, never called at a private address, called at the one looked at."""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from service.errors import BadRequest

MAX_PORT = 65_535
# prefixes whose addresses hold an IPv4 address in their last 32 bits, which a translator would call
TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


class PrivateAddress(Exception):
    """A name stands for an address that is not public."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send a request for a URL: `url` holds an address in place of the name, which the others keep."""

    url: httpx.URL
    headers: Mapping[str, str]
    extensions: Mapping[str, Any]


def parse(url: str, *, field: str, allow_private: bool) -> httpx.URL:
    """Raises BadRequest, naming the field, for what is no web address, or names a private one outright."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise BadRequest(f"not a URL: {error}", field=field) from error
    if parsed.scheme not in ("http", "https") or not _is_host(parsed.raw_host) or (parsed.port or 0) > MAX_PORT:
        raise BadRequest("an http or https URL is needed", field=field)
    if not allow_private and _names_private_address(parsed.host):
        raise BadRequest(f"{parsed.host} is a private address", field=field)
    return parsed


async def targets_of(url: httpx.URL, *, allow_private: bool) -> list[Target]:
    """One for each address of the URL's host, looked up now.

    What a name means a moment later does not matter to them. Raises PrivateAddress when any address is private,
    OSError when the name is not known, UnicodeError when it cannot be one.
    """
    port = url.port or (443 if url.scheme == "https" else 80)
    host = url.raw_host.decode("ascii")
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(address[0]) for *_, address in found]
    private = [address for address in addresses if not is_public(address)]
    if private and not allow_private:
        raise PrivateAddress(f"{private[0]} is a private address")
    headers, extensions = {"Host": url.netloc.decode("ascii")}, {"sni_hostname": host}
    return [Target(url.copy_with(host=address), headers, extensions) for address in addresses]


def is_public(address: str) -> bool:
    """Whether an IP address may be called: global, for one host, and not a detour to one that is not."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        held = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
        if any(parsed in network for network in TRANSLATED):
            held = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if held and not (held.is_global and not held.is_multicast):
            return False
    return parsed.is_global and not parsed.is_multicast


def _is_host(raw: bytes) -> bool:
    """Whether this is a name or an address; httpx escapes what is neither."""
    return re.fullmatch(rb"[0-9A-Za-z._-]+|[0-9A-Fa-f:.]+", raw) is not None


def _names_private_address(host: str) -> bool:
    """Whether a host is refused without asking the name service."""
    try:
        return not is_public(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
