"""Tenants: who shares a deployment, what each may use, and what becomes of the texts."""

import time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.errors import BadRequest, Conflict, NotFound
from service.log.store import Store

TENANT_ID = "^[a-z0-9][a-z0-9_-]{0,63}$"
DEFAULT = "default"  # of keys from the settings, of open gateways, and of everything where nobody names another

MOST = 1_000_000_000

RedactionKind = Literal["card", "phone", "email"]


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Fields):
    """What a tenant may use over all gateways; 0: no limit of its own."""

    concurrent_streams: int = Field(default=0, ge=0, le=MOST, description="live streams open at once")
    requests_per_minute: int = Field(default=0, ge=0, le=MOST, description="requests and streams begun")
    audio_minutes_per_month: int = Field(
        default=0, ge=0, le=MOST, description="audio of streams and recordings, by UTC months"
    )
    bias_lists: int = Field(default=0, ge=0, le=MOST, description="named lists kept")
    entries_per_list: int = Field(default=0, ge=0, le=MOST, description="entries of one named list")


class Privacy(_Fields):
    """What becomes of the texts."""

    retention_s: int = Field(
        default=0, ge=0, le=10 * 365 * 86_400, description="how long the texts of streams are kept"
    )
    redact: tuple[RedactionKind, ...] = Field(default=(), description="what is struck out of captions and finals")
    phone_regions: tuple[Annotated[str, Field(pattern="^[A-Z]{2}$")], ...] = Field(
        default=("US",), max_length=10, description="ISO 3166 codes: where numbers without a country code are from"
    )
    show_text: bool = Field(default=False, description="whether dashboards may show texts")

    @property
    def redaction(self) -> dict[str, Any]:
        """What turns carry of it; nothing where nothing is struck out."""
        return {"kinds": list(self.redact), "regions": list(self.phone_regions)} if self.redact else {}


class Tenant(_Fields):
    """`created` is Unix time in seconds."""

    id: str = Field(pattern=TENANT_ID)
    name: str = Field(default="", max_length=200)
    limits: Limits = Limits()
    privacy: Privacy = Privacy()
    created: float = 0.0


class Tenants:
    """The records of all tenants. The default one is there without a record, unlimited."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key = store.keys.tenants()

    async def get(self, tenant: str) -> Tenant:
        """Raises NotFound when there is no such tenant."""
        raw = await self._store.redis.hget(self._key, tenant)
        if raw is not None:
            return Tenant.model_validate_json(raw)
        if tenant == DEFAULT:
            return Tenant(id=DEFAULT)
        raise NotFound(f"no tenant {tenant!r}", field="tenant")

    async def all(self) -> list[Tenant]:
        """By id; the default one is always among them."""
        stored = await self._store.redis.hvals(self._key)
        tenants = {tenant.id: tenant for tenant in map(Tenant.model_validate_json, stored)}
        tenants.setdefault(DEFAULT, Tenant(id=DEFAULT))
        return [tenants[each] for each in sorted(tenants)]

    async def create(self, tenant: Tenant) -> Tenant:
        """Raises Conflict when there is one of that id."""
        made = tenant.model_copy(update={"created": round(time.time(), 3)})
        if not await self._store.redis.hsetnx(self._key, tenant.id, made.model_dump_json()):
            raise Conflict(f"there is a tenant {tenant.id!r} already", field="id")
        return made

    async def put(self, tenant: Tenant) -> Tenant:
        """Replaces the record."""
        await self._store.redis.hset(self._key, tenant.id, tenant.model_dump_json())
        return tenant

    async def delete(self, tenant: str) -> Tenant:
        """Removes the record; its keys are to be revoked before. Raises NotFound, and BadRequest for the default."""
        if tenant == DEFAULT:
            raise BadRequest("the default tenant cannot be deleted", field="id")
        known = await self.get(tenant)
        await self._store.redis.hdel(self._key, tenant)
        return known
