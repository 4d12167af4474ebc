"""Who may call: a key from the settings, or anyone on loopback when none is configured."""

import hmac
import ipaddress
from urllib.parse import urlsplit

from service.errors import BadRequest, Unauthorized

SCHEMES = ("bearer", "token")  # OpenAI's word and Deepgram's


def key_in(authorization: str | None) -> str | None:
    """The key in an Authorization header of the form `Bearer KEY` or `Token KEY`."""
    scheme, _, key = (authorization or "").partition(" ")
    return key.strip() or None if scheme.lower() in SCHEMES else None


class Keys:
    """The configured API keys; empty means that any key, and none, is accepted."""

    def __init__(self, configured: str) -> None:
        self._keys = tuple(key.strip().encode() for key in configured.split(",") if key.strip())

    @property
    def open(self) -> bool:
        return not self._keys

    def check(self, key: str | None) -> None:
        """Raises Unauthorized for a key that is missing or not known."""
        if self.open:
            return
        if not key:
            raise Unauthorized("send an API key as `Authorization: Bearer KEY`", field="authorization")
        if not self.knows(key):
            raise Unauthorized("that API key is not known here", field="authorization")

    def knows(self, key: str) -> bool:
        given = key.encode()
        # every key is compared in full, so the time taken tells nothing
        return bool(sum(hmac.compare_digest(given, known) for known in self._keys))

    def check_origin(self, origin: str | None) -> None:
        """Without keys, a web page of another site must not use the server of whoever views it. Raises Unauthorized."""
        if self.open and origin and not is_loopback(urlsplit(origin).hostname or ""):
            raise Unauthorized(f"without API keys, pages of {origin} are not served", field="origin")


def require_loopback_without_keys(keys: Keys, host: str) -> None:
    """Raises BadRequest when a gateway without keys would listen to more than this machine."""
    if keys.open and not is_loopback(host):
        raise BadRequest(
            f"no API key is configured, so Sotto listens on loopback only, not on {host}: set SOTTO_API_KEYS",
            field="host",
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
