"""`/v1/admin/tenants`, `/v1/admin/keys`, `/v1/admin/audit`: who may use the deployment, and what was done about it."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from service.gateway.auth import caller_of
from service.gateway.context import Gateway
from service.gateway.rest.described import described
from service.log.administration import MAX_OVERLAP_S, Administration, Administrator
from service.log.api_keys import ApiKey, Scope
from service.log.audit import PAGE
from service.log.tenants import DEFAULT, TENANT_ID, Limits, Privacy, Tenant

router = APIRouter(prefix="/v1/admin", tags=["administration"])

REFUSED = (400, 401, 503)
TenantId = Annotated[str, Path(pattern=TENANT_ID)]
KeyId = Annotated[str, Path(pattern="^[0-9a-f]{12}$")]


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TenantWish(_Schema):
    id: str = Field(pattern=TENANT_ID)
    name: str = Field(default="", max_length=200)
    limits: Limits = Limits()
    privacy: Privacy = Privacy()


class KeyWish(_Schema):
    tenant: str = DEFAULT
    scopes: list[Scope] = Field(default=["transcribe", "lists"], min_length=1)
    name: str = Field(default="", max_length=200)
    expires: float | None = Field(default=None, allow_inf_nan=False, description="Unix time in seconds")


class Rotation(_Schema):
    overlap_s: float = Field(default=0, ge=0, le=MAX_OVERLAP_S, description="for which the former key is good yet")


class Key(_Schema):
    """Times are Unix seconds; `last_used` is known to the minute; `former_until`: when the last former key ends."""

    id: str
    tenant: str
    scopes: list[Scope]
    name: str
    created: float
    expires: float | None
    revoked: float | None
    last_used: int | None
    former_until: float | None


class MadeKey(Key):
    """`key` is shown this once."""

    key: str


class AuditRecord(_Schema):
    id: str
    at: float
    action: str
    actor: str
    tenant: str
    address: str
    object: str
    result: str
    unrecorded: int


class Tenants(_Schema):
    data: list[Tenant]


class Keys(_Schema):
    data: list[Key]


class AuditPage(_Schema):
    data: list[AuditRecord]


@router.get("/tenants", summary="All tenants", responses=described(Tenants, 401, 503))
async def all_tenants(request: Request) -> Tenants:
    return Tenants(data=await _administration(request).tenants.all())


@router.post(
    "/tenants", status_code=201, summary="Create a tenant", responses=described(Tenant, *REFUSED, 409, status=201)
)
async def create_tenant(request: Request, wish: TenantWish) -> Tenant:
    return await _administration(request).create_tenant(_by(request), Tenant(**wish.model_dump()))


@router.get("/tenants/{tenant}", summary="One tenant", responses=described(Tenant, *REFUSED, 404))
async def get_tenant(request: Request, tenant: TenantId) -> Tenant:
    return await _administration(request).tenants.get(tenant)


@router.patch("/tenants/{tenant}", summary="Change a tenant", responses=described(Tenant, *REFUSED, 404))
async def update_tenant(request: Request, tenant: TenantId, changes: Annotated[dict[str, Any], Body()]) -> Tenant:
    """The fields that are named change; of `limits` and `privacy` the same."""
    return await _administration(request).update_tenant(_by(request), tenant, changes)


@router.delete(
    "/tenants/{tenant}", summary="Delete a tenant and revoke its keys", responses=described(Tenant, *REFUSED, 404)
)
async def delete_tenant(request: Request, tenant: TenantId) -> Tenant:
    return await _administration(request).delete_tenant(_by(request), tenant)


@router.get("/keys", summary="All API keys, or those of one tenant", responses=described(Keys, *REFUSED))
async def all_keys(request: Request, tenant: Annotated[str | None, Query(pattern=TENANT_ID)] = None) -> Keys:
    keys = _administration(request).keys
    used = await keys.last_used()
    return Keys(data=[public(key, used.get(key.id)) for key in await keys.all(tenant)])


@router.post(
    "/keys", status_code=201, summary="Create an API key", responses=described(MadeKey, *REFUSED, 404, status=201)
)
async def create_key(request: Request, wish: KeyWish) -> MadeKey:
    made, key = await _administration(request).create_key(
        _by(request), wish.tenant, tuple(wish.scopes), name=wish.name, expires=wish.expires
    )
    return MadeKey(**public(made).model_dump(), key=key)


@router.post("/keys/{key}:rotate", summary="Replace an API key", responses=described(MadeKey, *REFUSED, 404, 409))
async def rotate_key(request: Request, key: KeyId, wish: Annotated[Rotation | None, Body()] = None) -> MadeKey:
    overlap_s = (wish or Rotation()).overlap_s
    rotated, new = await _administration(request).rotate_key(_by(request), key, overlap_s=overlap_s)
    return MadeKey(**public(rotated).model_dump(), key=new)


@router.post("/keys/{key}:revoke", summary="Revoke an API key", responses=described(Key, *REFUSED, 404))
async def revoke_key(request: Request, key: KeyId) -> Key:
    return public(await _administration(request).revoke_key(_by(request), key))


@router.get("/audit", summary="The audit log, newest first", responses=described(AuditPage, *REFUSED))
async def audit(
    request: Request,
    before: Annotated[str | None, Query(pattern=r"^\d{1,15}-\d{1,10}$", description="id of a record")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE)] = 100,
) -> AuditPage:
    records = await _administration(request).audit.before(before, limit=limit)
    return AuditPage(data=[AuditRecord(**asdict(record)) for record in records])


def public(key: ApiKey, last_used: int | None = None) -> Key:
    """A key without its hashes."""
    former = [each.until for each in key.hashes if each.until is not None]
    return Key(
        **key.model_dump(include={"id", "tenant", "scopes", "name", "created", "expires", "revoked"}),
        last_used=last_used,
        former_until=max(former, default=None),
    )


def _administration(request: Request) -> Administration:
    gateway: Gateway = request.app.state.gateway
    return Administration(gateway.store)


def _by(request: Request) -> Administrator:
    caller = caller_of(request)
    return Administrator(caller.key, caller.tenant.id, request.client.host if request.client else "")
