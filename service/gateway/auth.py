"""Who calls: the tenant and scopes behind a key, from the settings, from Redis, or in a token of an issuer."""

import asyncio
import hmac
import ipaddress
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from service.errors import BadRequest, Forbidden, NotFound, Unauthorized
from service.gateway.auditing import Asked, Failures
from service.gateway.oidc import Issuer
from service.log.api_keys import SCOPES, USE_NOTED_S, ApiKeys, Scope, id_in
from service.log.client_secrets import PREFIX, ClientSecrets
from service.log.sessions import token_hash
from service.log.store import Store
from service.log.tenants import DEFAULT, Tenant, Tenants
from service.settings import Settings

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

SCHEMES = ("bearer", "token")  # OpenAI's word and Deepgram's
KNOWN_FOR_S = 2.0  # a revoked key and a changed tenant take effect everywhere within this time
MAX_KNOWN = 10_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is behind a request. `key`: the id of an API key, else what else let the caller in."""

    tenant: Tenant
    scopes: frozenset[Scope]
    key: str

    def require(self, scope: Scope) -> None:
        """Raises Forbidden, which names the scope."""
        if scope not in self.scopes:
            raise Forbidden(f"this needs the scope {scope!r}, which the key does not have", field="scope")


def caller_of(connection: "HTTPConnection") -> Caller:
    """The caller of a request that has passed the guard."""
    caller: Caller = connection.state.caller
    return caller


def key_in(authorization: str | None) -> str | None:
    """The key in an Authorization header of the form `Bearer KEY` or `Token KEY`."""
    scheme, _, key = (authorization or "").partition(" ")
    return key.strip() or None if scheme.lower() in SCHEMES else None


class Keys:
    """The keys from the settings: of the default tenant, for all but administration."""

    def __init__(self, configured: str) -> None:
        self._keys = tuple(key.strip().encode() for key in configured.split(",") if key.strip())

    def __bool__(self) -> bool:
        return bool(self._keys)

    def knows(self, key: str) -> bool:
        given = key.encode()
        # every key is compared in full, so the time taken tells nothing
        return bool(sum(hmac.compare_digest(given, known) for known in self._keys))


def asks_for_no_key(settings: Settings, redis_url: str) -> bool:
    """Whether anybody may call, as no key is configured anywhere.

    Asked before the server starts: what its lifespan raises would reach the operator as a traceback. Raises
    BadRequest when `redis_url` is none, StoreUnavailable when Redis does not answer for a while.
    """

    async def ask() -> bool:
        store = Store(redis_url, prefix=settings.key_prefix)
        try:
            await store.wait()
            keys = Keys(settings.api_keys)
            return not (keys or settings.oidc_issuer or await ApiKeys(store).any())
        finally:
            await store.close()

    try:
        return asyncio.run(ask())
    except ValueError as error:
        raise BadRequest(f"REDIS_URL: {error}", field="redis_url") from error


class Access:
    """Tells who a key is of. `is_open`: as the gateway started; it closes with the first key, and stays closed."""

    def __init__(self, settings: Settings, store: Store, *, is_open: bool) -> None:
        self.is_open = is_open
        self._keys = Keys(settings.api_keys)
        self._api_keys = ApiKeys(store)
        self._secrets = ClientSecrets(store)
        self._failures = Failures(store)
        self._tenants = Tenants(store)
        self._issuer = Issuer(settings) if settings.oidc_issuer else None
        self._looked_at = -KNOWN_FOR_S
        self._known: dict[str, tuple[float, Caller]] = {}
        self._known_tenants: dict[str, tuple[float, Tenant]] = {}
        self._noted: dict[str, float] = {}

    async def admit(
        self, asked: Asked, key: str | None, scope: Scope, *, secrets: bool
    ) -> tuple[Caller, dict[str, Any]]:
        """Who asks, and what the short-lived secret in place of a key was made for, nothing for a key.

        `secrets`: whether one will do here. Raises Unauthorized, Forbidden; the audit log has those.
        """
        actor, tenant = id_in(key or "") or "", ""
        try:
            known = await self.secret(key) if secrets else None
            caller, made_for = known or (await self.caller(key), {})
            actor, tenant = caller.key, caller.tenant.id
            if not known:
                self.check_page(asked)
            caller.require(scope)
        except (Unauthorized, Forbidden) as error:
            await self._failures.add(error, asked, actor=actor, tenant=tenant)
            raise
        return caller, made_for

    async def caller(self, key: str | None) -> Caller:
        """Raises Unauthorized for a key that is missing, not known, revoked or expired."""
        if await self._still_open():
            return Caller(await self.tenant(DEFAULT), frozenset(SCOPES), "open")
        if not key:
            raise Unauthorized("send an API key as `Authorization: Bearer KEY`", field="authorization")
        hashed, now = token_hash(key), time.monotonic()
        if (known := self._known.get(hashed)) and now < known[0]:
            return known[1]
        caller = await self._look_up(key)
        _remember(self._known, hashed, caller)
        return caller

    async def tenant(self, tenant: str) -> Tenant:
        """Its record, at most `KNOWN_FOR_S` old. Raises NotFound."""
        known = self._known_tenants.get(tenant)
        if known and time.monotonic() < known[0]:
            return known[1]
        record = await self._tenants.get(tenant)
        _remember(self._known_tenants, tenant, record)
        return record

    async def secret(self, key: str | None) -> tuple[Caller, dict[str, Any]] | None:
        """Who a short-lived secret transcribes for, and the session it was made for; None for what is no secret.

        Raises Unauthorized for one that has expired.
        """
        if not key or not key.startswith(PREFIX) or self._keys.knows(key):
            return None
        made_for = await self._secrets.find(key)
        if made_for is None:
            raise Unauthorized("that client secret has expired or never was", field="authorization")
        tenant = await self._tenant_of_key(made_for.tenant)
        return Caller(tenant, frozenset({"transcribe"}), "client secret"), made_for.session

    def check_page(self, asked: Asked) -> None:
        """Without keys, a web page of another site must not use the server of whoever views it: neither from its own
        address, nor by a name of its own that it has led to this machine. Raises Unauthorized."""
        if not self.is_open:
            return
        if asked.origin and not is_loopback(_host_of(asked.origin)):
            raise Unauthorized(f"without API keys, pages of {asked.origin} are not served", field="origin")
        if not is_loopback(_host_of(f"//{asked.host}")):
            raise Unauthorized(f"without API keys, {asked.host} is no name of this server", field="host")

    async def _look_up(self, key: str) -> Caller:
        if self._keys.knows(key):
            return Caller(await self.tenant(DEFAULT), frozenset({"transcribe", "lists"}), "settings")
        if record := await self._api_keys.find(key):
            await self._note_use(record.id)
            return Caller(await self._tenant_of_key(record.tenant), frozenset(record.scopes), record.id)
        if self._issuer and id_in(key) is None and key.count(".") == 2:
            token = await self._issuer.verify(key)
            return Caller(await self._tenant_of_key(token.tenant), token.scopes, f"oidc:{token.subject}")
        raise Unauthorized("that API key is not known here", field="authorization")

    async def _tenant_of_key(self, tenant: str) -> Tenant:
        try:
            return await self.tenant(tenant)
        except NotFound as error:
            raise Unauthorized(f"{error.message} is known here", field="authorization") from error

    async def _note_use(self, key_id: str) -> None:
        now = time.monotonic()
        if now - self._noted.get(key_id, -USE_NOTED_S) >= USE_NOTED_S:
            self._noted[key_id] = now
            await self._api_keys.note_use(key_id)

    async def _still_open(self) -> bool:
        now = time.monotonic()
        if self.is_open and now - self._looked_at >= KNOWN_FOR_S:
            self.is_open = not await self._api_keys.any()
            self._looked_at = now
        return self.is_open


def _remember(known: dict[str, tuple[float, T]], key: str, value: T) -> None:
    known.pop(key, None)
    known[key] = (time.monotonic() + KNOWN_FOR_S, value)
    if len(known) > MAX_KNOWN:
        del known[next(iter(known))]


def require_loopback_when_open(open_to_all: bool, host: str) -> None:
    """Raises BadRequest when a gateway without keys would listen to more than this machine."""
    if open_to_all and not is_loopback(host):
        raise BadRequest(
            f"no API key is configured, so Sotto listens on loopback only, not on {host}: "
            "make one with `sotto keys create`, or set SOTTO_API_KEYS",
            field="host",
        )


def _host_of(url: str) -> str:
    """Empty where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that host."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
