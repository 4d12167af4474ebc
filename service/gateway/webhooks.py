"""Tells a customer's server that a job has ended: signed, retried with backoff, never to a private address."""

import asyncio
import hashlib
import hmac
import ipaddress
import json
import logging
import time
from typing import Any
from urllib.parse import urlsplit

import httpx

from service.errors import BadRequest
from service.settings import Settings

log = logging.getLogger(__name__)

TRIES = 6
FIRST_DELAY_S = 1.0
TIMEOUT_S = 10.0
SIGNATURE_HEADER = "Sotto-Signature"


def sign(secret: str, body: bytes, at: int) -> str:
    """`t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def validate(url: str, settings: Settings) -> None:
    """Raises BadRequest when webhooks are off or the URL cannot be one."""
    if not settings.webhook_secret:
        raise BadRequest("webhooks are off: SOTTO_WEBHOOK_SECRET is not set", field="webhook_url")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadRequest("an http or https URL is needed", field="webhook_url")


async def deliver(url: str, event: dict[str, Any], settings: Settings) -> bool:
    """POSTs `event` until the server answers 2xx; False when every try failed."""
    body = json.dumps(event, ensure_ascii=False).encode()
    async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False) as client:
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(FIRST_DELAY_S * 2 ** (attempt - 1))
            reason = await _try(client, url, body, settings)
            if reason is None:
                return True
            log.warning("webhook not delivered", extra={"attempt": attempt + 1, "reason": reason})
    return False


async def _try(client: httpx.AsyncClient, url: str, body: bytes, settings: Settings) -> str | None:
    """One delivery; None when it worked, else why it did not."""
    try:
        if not settings.webhook_allow_private and (address := await _private_address(url)):
            return f"{address} is a private address"
        headers = {
            "Content-Type": "application/json",
            SIGNATURE_HEADER: sign(settings.webhook_secret, body, int(time.time())),
        }
        reply = await client.post(url, content=body, headers=headers)
    except (httpx.HTTPError, OSError) as error:
        return f"{type(error).__name__}: {error}"
    return None if reply.is_success else f"answered {reply.status_code}"


async def _private_address(url: str) -> str | None:
    """The first address of the URL's host that is not public."""
    parts = urlsplit(url)
    found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, parts.port or 443)
    for *_, address in found:
        if not ipaddress.ip_address(address[0]).is_global:
            return str(address[0])
    return None
