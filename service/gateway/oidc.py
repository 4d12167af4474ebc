"""Bearer tokens of an OpenID Connect issuer: JWTs signed with its private keys, checked with its public ones."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import httpx

from service.errors import IssuerUnavailable, ModelUnavailable, Unauthorized
from service.log.api_keys import SCOPES, Scope
from service.settings import Settings

ALGORITHMS = ("RS256", "ES256")  # never `none`, and no HS: a public key must not pass for a shared secret
SCOPE_PREFIX = "sotto:"  # before `transcribe`, `lists`, `admin`, so that no scope of something else means one of these
LEEWAY_S = 30
TIMEOUT_S = 5.0
KEYS_KEPT_S = 600.0
ASK_AGAIN_S = 10.0  # tokens with unknown key ids have the issuer asked no more often
DISCOVERY = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Token:
    """What a good token says."""

    subject: str
    tenant: str
    scopes: frozenset[Scope]


class Issuer:
    """Checks tokens of the issuer of the settings; keeps its public keys. Raises ModelUnavailable without PyJWT."""

    def __init__(self, settings: Settings) -> None:
        try:
            import jwt
        except ImportError as error:
            raise ModelUnavailable("tokens need PyJWT: install the extra `oidc`") from error
        self._jwt = jwt
        self._settings = settings
        self._keys: dict[str | None, Any] = {}
        self._asked_at = float("-inf")
        self._lock = asyncio.Lock()

    async def verify(self, token: str) -> Token:
        """Raises Unauthorized for a token that is not good, IssuerUnavailable when its keys cannot be had."""
        settings, jwt = self._settings, self._jwt
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                raise Unauthorized(f"tokens are signed with {' or '.join(ALGORITHMS)}", field="authorization")
            claims = jwt.decode(
                token,
                await self._key(header.get("kid")),
                algorithms=list(ALGORITHMS),
                audience=settings.oidc_audience,
                issuer=settings.oidc_issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            raise Unauthorized(f"that token is not good here: {error}", field="authorization") from error
        tenant = claims.get(settings.oidc_tenant_claim)
        if not isinstance(tenant, str):
            raise Unauthorized(
                f"that token has no claim {settings.oidc_tenant_claim!r} with a tenant", field="authorization"
            )
        return Token(str(claims.get("sub", "")), tenant, _scopes(claims.get(settings.oidc_scope_claim)))

    async def _key(self, key_id: str | None) -> Any:
        async with self._lock:
            age_s = time.monotonic() - self._asked_at
            if age_s > KEYS_KEPT_S or (key_id not in self._keys and age_s > ASK_AGAIN_S):
                self._asked_at = time.monotonic()
                self._keys = await self._fetch()
        if key_id not in self._keys:
            raise Unauthorized("that token was signed with a key that its issuer does not have", field="authorization")
        return self._keys[key_id]

    async def _fetch(self) -> dict[str | None, Any]:
        settings = self._settings
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
                url = settings.oidc_jwks_url
                if not url:
                    discovery = await client.get(settings.oidc_issuer.rstrip("/") + DISCOVERY)
                    url = discovery.raise_for_status().json()["jwks_uri"]
                published = (await client.get(url)).raise_for_status().json()
            return {key.key_id: key for key in self._jwt.PyJWKSet.from_dict(published).keys}
        except (httpx.HTTPError, ValueError, LookupError, TypeError, self._jwt.PyJWTError) as error:
            self._asked_at = time.monotonic() - KEYS_KEPT_S + ASK_AGAIN_S if self._keys else float("-inf")
            if self._keys:
                return self._keys  # those that were good a moment ago are still
            raise IssuerUnavailable(f"the issuer's keys cannot be had: {type(error).__name__}: {error}") from error


def _scopes(claim: Any) -> frozenset[Scope]:
    """Those of Sotto among the scopes of a token, a string of words or a list."""
    words = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else []
    return frozenset(scope for scope in SCOPES if SCOPE_PREFIX + scope in words)
