"""Tells a customer's server that a job has ended: signed, retried with backoff, never to a private address."""

import asyncio
import hashlib
import hmac
import ipaddress
import json
import logging
import re
import socket
import time
from typing import Any

import httpx

from service.errors import BadRequest
from service.settings import Settings

log = logging.getLogger(__name__)

TRIES = 6
FIRST_DELAY_S = 1.0
TIMEOUT_S = 10.0
MAX_PORT = 65_535
SIGNATURE_HEADER = "Sotto-Signature"


def sign(secret: str, body: bytes, at: int) -> str:
    """`t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def validate(url: str, settings: Settings) -> None:
    """Raises BadRequest when webhooks are off or the URL cannot be one."""
    if not settings.webhook_secret:
        raise BadRequest("webhooks are off: SOTTO_WEBHOOK_SECRET is not set", field="webhook_url")
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise BadRequest(f"not a URL: {error}", field="webhook_url") from error
    if parsed.scheme not in ("http", "https") or not _is_host(parsed.raw_host) or (parsed.port or 0) > MAX_PORT:
        raise BadRequest("an http or https URL is needed", field="webhook_url")
    if not settings.webhook_allow_private and _names_private_address(parsed.host):
        raise BadRequest(f"{parsed.host} is a private address", field="webhook_url")


def _is_host(raw: bytes) -> bool:
    """Whether this is a name or an address; httpx escapes what is neither."""
    return re.fullmatch(rb"[0-9A-Za-z._-]+|[0-9A-Fa-f:.]+", raw) is not None


def _names_private_address(host: str) -> bool:
    """Whether a host is refused without asking the name service; the addresses of others are looked at on delivery."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


async def deliver(url: str, event: dict[str, Any], settings: Settings) -> bool:
    """POSTs `event` until the server answers 2xx; False when every try failed."""
    target, body = httpx.URL(url), json.dumps(event, ensure_ascii=False).encode()
    # no proxy of this machine's: it would look the name up again
    async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(FIRST_DELAY_S * 2 ** (attempt - 1))
            reason = await _try(client, target, body, settings, attempt)
            if reason is None:
                return True
            log.warning("webhook not delivered", extra={"attempt": attempt + 1, "reason": reason})
    return False


async def _try(client: httpx.AsyncClient, url: httpx.URL, body: bytes, settings: Settings, attempt: int) -> str | None:
    """One delivery; None when it worked, else why it did not."""
    headers = {
        "Host": url.netloc.decode("ascii"),
        "Content-Type": "application/json",
        SIGNATURE_HEADER: sign(settings.webhook_secret, body, int(time.time())),
    }
    try:
        addresses = await _addresses(url)
        private = [address for address in addresses if not ipaddress.ip_address(address).is_global]
        if private and not settings.webhook_allow_private:
            return f"{private[0]} is a private address"
        # the address that was looked at is the one that is called, whatever the name means a moment later
        direct = url.copy_with(host=addresses[attempt % len(addresses)])
        named = {"sni_hostname": url.raw_host.decode("ascii")}
        reply = await client.post(direct, content=body, headers=headers, extensions=named)
    except (httpx.HTTPError, OSError, UnicodeError) as error:
        return f"{type(error).__name__}: {error}"
    return None if reply.is_success else f"answered {reply.status_code}"


async def _addresses(url: httpx.URL) -> list[str]:
    """What the URL's host stands for. Raises OSError when its name is not known."""
    port = url.port or (443 if url.scheme == "https" else 80)
    found = await asyncio.get_running_loop().getaddrinfo(url.raw_host.decode("ascii"), port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]
