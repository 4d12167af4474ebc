"""Base URLs of a server and what is derived from them."""

from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

_SOCKET_SCHEME = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_HTTP_SCHEME = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


def stream_url(base: str) -> str:
    """`http://host:8000` -> `ws://host:8000/v1/stream`; a URL that has a path keeps it.

    Raises ValueError for anything that is not an http, https, ws or wss URL with a host.
    """
    parts = _split(base)
    return urlunsplit((_SOCKET_SCHEME[parts[0]], parts[1], parts[2].rstrip("/") or "/v1/stream", parts[3], ""))


def http_url(base: str) -> str:
    """`ws://host:8000/v1/stream` or `http://host:8000/` -> `http://host:8000`. Raises ValueError as `stream_url`."""
    parts = _split(base)
    return urlunsplit((_HTTP_SCHEME[parts[0]], parts[1], parts[2].rstrip("/").removesuffix("/v1/stream"), "", ""))


def is_loopback(url: str) -> bool:
    """Whether the host is this machine by name or number: such a URL must not go through a proxy."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _split(base: str) -> tuple[str, str, str, str]:
    parts = urlsplit(base)
    if parts.scheme not in _SOCKET_SCHEME or not parts.hostname:
        raise ValueError(f"{base!r} is not an http:// or ws:// URL")
    return parts.scheme, parts.netloc, parts.path, parts.query
