"""Tells a customer's server that a job has ended: signed, retried with backoff, never to a private address."""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from typing import Any

import httpx

from service.errors import BadRequest
from service.gateway.public_addresses import PrivateAddress, parse, targets_of
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
    parse(url, field="webhook_url", allow_private=settings.webhook_allow_private)


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
        "Content-Type": "application/json",
        SIGNATURE_HEADER: sign(settings.webhook_secret, body, int(time.time())),
    }
    try:
        targets = await targets_of(url, allow_private=settings.webhook_allow_private)
        target = targets[attempt % len(targets)]
        reply = await client.post(
            target.url, content=body, headers=headers | dict(target.headers), extensions=dict(target.extensions)
        )
    except PrivateAddress as error:
        return str(error)
    except (httpx.HTTPError, OSError, UnicodeError) as error:
        return f"{type(error).__name__}: {error}"
    return None if reply.is_success else f"answered {reply.status_code}"
