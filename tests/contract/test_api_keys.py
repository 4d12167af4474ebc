"""API keys in a real Redis: who gets in, until when, and what Redis could tell whoever reads it."""

import asyncio
import time

import pytest

from service.errors import Conflict, NotFound, Unauthorized
from service.gateway.auth import KNOWN_FOR_S, Access
from service.log.api_keys import ApiKeys, Hashed, id_in
from service.log.client_secrets import ClientSecrets
from service.log.sessions import token_hash
from service.log.store import Store
from service.log.tenants import Tenant, Tenants
from service.settings import Settings


@pytest.fixture
def keys(store: Store) -> ApiKeys:
    return ApiKeys(store)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> "Clock":
    return Clock(monkeypatch)


class Clock:
    """Moves both clocks on, without waiting."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        real, steady = time.time, time.monotonic
        monkeypatch.setattr("service.log.api_keys.time.time", lambda: real() + self._ahead)
        monkeypatch.setattr("service.gateway.auth.time.monotonic", lambda: steady() + self._ahead)

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


def access(store: Store, *, is_open: bool = False, **settings: str) -> Access:
    return Access(Settings(**settings), store, is_open=is_open)  # type: ignore[arg-type]


async def test_a_key_is_found_by_itself_alone(keys: ApiKeys) -> None:
    made, key = await keys.create("acme", ("transcribe",))
    other, _ = await keys.create("acme", ("transcribe",))
    assert await keys.find(key) == made
    others = key.replace(made.id, other.id)
    for wrong in (key[:-1], key + "x", others, f"sotto_{made.id}_", f"sotto_{made.id}", "", "__"):
        assert await keys.find(wrong) is None


async def test_redis_never_holds_a_key(keys: ApiKeys, store: Store) -> None:
    made, key = await keys.create("acme", ("admin",), name="ops")
    _, rotated = await keys.rotate(made.id, overlap_s=60)
    secrets = [each.rpartition("_")[2].encode() for each in (key, rotated)]
    for name in await store.redis.keys("*"):
        held = await store.redis.hgetall(name) if b"api_keys" in name else {}
        assert not any(secret in value for secret in secrets for value in held.values())


async def test_a_rotated_key_is_good_for_the_overlap_beside_the_new_one(keys: ApiKeys, clock: Clock) -> None:
    made, first = await keys.create("acme", ("transcribe",))
    _, second = await keys.rotate(made.id, overlap_s=60)
    assert await keys.find(first)
    assert await keys.find(second)
    clock.advance(61)
    assert await keys.find(first) is None
    _, third = await keys.rotate(made.id, overlap_s=0)
    assert await keys.find(second) is None
    assert (await keys.find(third)) is not None


async def test_without_an_overlap_the_former_key_ends_within_the_very_millisecond(
    keys: ApiKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, first = await keys.create("acme", ("transcribe",))
    monkeypatch.setattr("service.log.api_keys.time.time", lambda: made.created + 0.0006)
    _, second = await keys.rotate(made.id, overlap_s=0)
    assert await keys.find(first) is None
    assert await keys.find(second)


async def test_rotations_at_the_same_time_all_count(keys: ApiKeys) -> None:
    made, _ = await keys.create("acme", ("transcribe",))
    rotated = await asyncio.gather(*(keys.rotate(made.id, overlap_s=60) for _ in range(8)))
    assert all([await keys.find(key) for _, key in rotated])


async def test_an_expired_or_revoked_key_does_not_get_in_nor_rotate(keys: ApiKeys, clock: Clock) -> None:
    expiring, first = await keys.create("acme", ("transcribe",), expires=time.time() + 60)
    revoked, second = await keys.create("acme", ("transcribe",))
    await keys.revoke(revoked.id)
    clock.advance(61)
    for key_id, key in ((expiring.id, first), (revoked.id, second)):
        assert await keys.find(key) is None
        with pytest.raises(Conflict):
            await keys.rotate(key_id, overlap_s=60)
    with pytest.raises(NotFound):
        await keys.revoke("0" * 12)


async def test_every_hash_is_compared_in_constant_time(keys: ApiKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    made, key = await keys.create("acme", ("transcribe",))
    record, _ = await keys.rotate(made.id, overlap_s=60)
    compared: list[tuple[str, str]] = []

    def compare(given: str, known: str) -> bool:
        compared.append((given, known))
        return given == known

    monkeypatch.setattr("service.log.api_keys.hmac.compare_digest", compare)
    assert record.fits(key)
    assert compared == [(token_hash(key), each.hash) for each in record.hashes]
    assert len(record.hashes) == 2


def test_only_keys_of_that_shape_have_an_id() -> None:
    assert id_in("sotto_0123456789ab_x_y") == "0123456789ab"
    for other in ("sotto_x_y", "ek_0123456789ab_x", "a.b.c", "sotto"):
        assert id_in(other) is None
    assert Hashed(hash="x").until is None


# ---- at the gateway


async def test_a_gateway_is_closed_by_the_first_key_and_stays_so(store: Store, clock: Clock) -> None:
    gateway = access(store, is_open=True)
    assert (await gateway.caller(None)).scopes == {"transcribe", "lists", "admin"}
    made, key = await ApiKeys(store).create("default", ("transcribe",))
    clock.advance(KNOWN_FOR_S)
    for unknown in (None, "anything"):
        with pytest.raises(Unauthorized):
            await gateway.caller(unknown)
    assert (await gateway.caller(key)).key == made.id
    await store.redis.flushall()
    clock.advance(KNOWN_FOR_S)
    with pytest.raises(Unauthorized):
        await gateway.caller(None)


async def test_a_revoked_key_is_refused_everywhere_within_seconds(store: Store, keys: ApiKeys, clock: Clock) -> None:
    await Tenants(store).create(Tenant(id="acme"))
    gateways = [access(store), access(store)]
    made, key = await keys.create("acme", ("lists",))
    assert {(await gateway.caller(key)).tenant.id for gateway in gateways} == {"acme"}
    await keys.revoke(made.id)
    clock.advance(KNOWN_FOR_S)
    for gateway in gateways:
        with pytest.raises(Unauthorized):
            await gateway.caller(key)


async def test_a_deleted_tenant_gets_in_by_no_key_and_no_secret(store: Store, keys: ApiKeys, clock: Clock) -> None:
    await Tenants(store).create(Tenant(id="acme"))
    _, key = await keys.create("acme", ("transcribe",))
    secret = await ClientSecrets(store).create("acme", {}, ttl_s=60)
    gateway = access(store)
    known = await gateway.secret(secret.value)
    assert known
    assert (known[0].tenant.id, known[0].scopes) == ("acme", {"transcribe"})
    await Tenants(store).delete("acme")
    clock.advance(KNOWN_FOR_S)
    with pytest.raises(Unauthorized):
        await gateway.caller(key)
    with pytest.raises(Unauthorized):
        await gateway.secret(secret.value)


async def test_keys_of_the_settings_may_do_all_but_administrate(store: Store) -> None:
    caller = await access(store, api_keys="one,two").caller("two")
    assert (caller.tenant.id, caller.scopes) == ("default", {"transcribe", "lists"})


async def test_the_last_use_of_a_key_is_known_to_the_minute(store: Store, keys: ApiKeys) -> None:
    made, key = await keys.create("default", ("transcribe",))
    await access(store).caller(key)
    at = (await keys.last_used())[made.id]
    assert at % 60 == 0
    assert 0 <= time.time() - at < 120
