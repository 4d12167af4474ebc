"""What administrators do to tenants and keys, by the admin API or the command line: all of it is audited."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import ValidationError

from service.errors import BadRequest, SottoError
from service.log.api_keys import ApiKey, ApiKeys, Scope
from service.log.audit import AuditLog, Record
from service.log.bias_lists import BiasLists
from service.log.store import Store
from service.log.tenants import Tenant, Tenants

T = TypeVar("T")

MAX_OVERLAP_S = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who acts: the id of a key or a user of this machine, of which tenant, from where."""

    actor: str
    tenant: str
    address: str


class Administration:
    def __init__(self, store: Store) -> None:
        self._store = store
        self.tenants = Tenants(store)
        self.keys = ApiKeys(store)
        self.audit = AuditLog(store)

    async def create_tenant(self, by: Administrator, tenant: Tenant) -> Tenant:
        """Raises Conflict when there is one of that id."""
        return await self._audited(by, "tenant.create", tenant.id, self.tenants.create(tenant))

    async def update_tenant(self, by: Administrator, tenant: str, changes: dict[str, Any]) -> Tenant:
        """Changes the fields that are named; limits and privacy field by field. Raises NotFound, BadRequest."""
        return await self._audited(by, "tenant.update", tenant, self._update_tenant(tenant, changes))

    async def delete_tenant(self, by: Administrator, tenant: str) -> Tenant:
        """Revokes its keys and removes its bias lists, too. Raises NotFound, and BadRequest for the default tenant."""
        return await self._audited(by, "tenant.delete", tenant, self._delete_tenant(tenant))

    async def create_key(
        self, by: Administrator, tenant: str, scopes: tuple[Scope, ...], *, name: str = "", expires: float | None = None
    ) -> tuple[ApiKey, str]:
        """The record and the key, which is not shown again. Raises NotFound for the tenant, and BadRequest."""

        async def create() -> tuple[ApiKey, str]:
            await self.tenants.get(tenant)
            if not scopes:
                raise BadRequest("a key needs a scope", field="scopes")
            if expires is not None and expires <= time.time():
                raise BadRequest("the key would have expired already", field="expires")
            return await self.keys.create(tenant, tuple(dict.fromkeys(scopes)), name=name, expires=expires)

        made, key = await self._audited(by, "key.create", tenant, create(), told=lambda made: made[0].id)
        return made, key

    async def rotate_key(self, by: Administrator, key_id: str, *, overlap_s: float) -> tuple[ApiKey, str]:
        """The record and the new key; the former one is good for `overlap_s` more. Raises NotFound, Conflict."""

        async def rotate() -> tuple[ApiKey, str]:
            if not 0 <= overlap_s <= MAX_OVERLAP_S:
                raise BadRequest(f"overlap_s must lie in 0 to {MAX_OVERLAP_S}", field="overlap_s")
            return await self.keys.rotate(key_id, overlap_s=overlap_s)

        return await self._audited(by, "key.rotate", key_id, rotate())

    async def revoke_key(self, by: Administrator, key_id: str) -> ApiKey:
        """Raises NotFound."""
        return await self._audited(by, "key.revoke", key_id, self.keys.revoke(key_id))

    async def _audited(
        self, by: Administrator, action: str, thing: str, work: Awaitable[T], *, told: Callable[[T], str] | None = None
    ) -> T:
        """`told`: what the object is called, where that is known only afterwards."""
        record = Record(action, by.actor, by.tenant, by.address, thing)
        try:
            done = await work
        except SottoError as error:
            await self.audit.add(replace(record, result=error.code))
            raise
        await self.audit.add(replace(record, object=told(done) if told else thing))
        return done

    async def _update_tenant(self, tenant: str, changes: dict[str, Any]) -> Tenant:
        now = (await self.tenants.get(tenant)).model_dump()
        for part in ("limits", "privacy"):
            if isinstance(changes.get(part), dict):
                changes = changes | {part: now[part] | changes[part]}
        fixed = {"id": tenant, "created": now["created"]}
        try:
            changed = Tenant.model_validate(now | changes | fixed)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise BadRequest(first["msg"], field=".".join(map(str, first["loc"])) or "body") from error
        return await self.tenants.put(changed)

    async def _delete_tenant(self, tenant: str) -> Tenant:
        deleted = await self.tenants.delete(tenant)  # first: from now on none of its keys gets in
        for key in await self.keys.all(tenant):
            await self.keys.revoke(key.id)
        lists = BiasLists(self._store, tenant)
        for named in await lists.names():
            await lists.delete(named.name)
        return deleted
