"""Two tenants on two gateways: what one has the other cannot find, and each is held to its own limits."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import httpx
import numpy as np
import pytest
import redis
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from service.log.administration import Administration, Administrator
from service.log.store import Keys, Store
from service.log.tenants import Limits, Tenant
from service.log.workers import WorkerStatus
from tests.e2e.conftest import until
from tests.e2e.raw_stream import connected, started
from tests.stack import Stack
from tests.unit.audio.encoded import wav

BY = Administrator("test", "", "")
SILENCE = np.zeros(16_000, np.int16)
FEW = Limits(concurrent_streams=1, bias_lists=2)
ONE_MINUTE = Limits(audio_minutes_per_month=1)


@dataclass(frozen=True)
class Deployment:
    """Two gateways and their Redis; keys by whose they are."""

    urls: tuple[str, str]
    redis_url: str
    keys: dict[str, str]

    def client(self, who: str | None, gateway: int = 0) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.keys.get(who, who)}"} if who else {}
        return httpx.Client(base_url=self.urls[gateway], headers=headers, timeout=60)

    def administrate(self, work: Callable[[Administration], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            store = Store(self.redis_url, prefix="sotto")
            try:
                return await work(Administration(store))
            finally:
                await store.close()

        return asyncio.run(run())


async def settled(administration: Administration) -> dict[str, str]:
    """Tenants, and their keys."""
    limits = {"acme": Limits(), "other": Limits(), "small": FEW, "thrifty": ONE_MINUTE}
    for tenant in (Tenant(id=name, limits=limited) for name, limited in limits.items()):
        await administration.create_tenant(BY, tenant)
    wanted: dict[str, tuple[str, tuple[Any, ...]]] = {
        "acme": ("acme", ("transcribe", "lists")),
        "other": ("other", ("transcribe", "lists")),
        "small": ("small", ("transcribe", "lists")),
        "thrifty": ("thrifty", ("transcribe",)),
        "lists": ("acme", ("lists",)),
        "admin": ("default", ("admin",)),
    }
    return {name: (await administration.create_key(BY, *of))[1] for name, of in wanted.items()}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """No worker decodes here, though one seems to be alive: what is said is silence."""
    stack = Stack(tmp_path_factory.mktemp("tenants"))
    worker = WorkerStatus("w", "base", "cpu", "int8", 1, 1, 0, languages=("en",), at=time.time() + 3_600)
    try:
        with redis.Redis.from_url(stack.redis.url) as client:
            client.hset(Keys("sotto").workers(), worker.id, json.dumps(asdict(worker)))
        keys = Deployment(("", ""), stack.redis.url, {}).administrate(settled)
        urls = (stack.gateway()[1], stack.gateway()[1])
        yield Deployment(urls, stack.redis.url, keys)
    finally:
        stack.close()


def code(reply: httpx.Response) -> tuple[int, str, str | None]:
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["param"]


# ---- who gets in


def test_without_a_known_key_nobody_gets_in(deployment: Deployment) -> None:
    for who in (None, "nobody", "sotto_000000000000_x"):
        with deployment.client(who) as client:
            assert code(client.get("/v1/models")) == (401, "unauthorized", "authorization")
            assert code(client.get("/v1/admin/keys"))[0] == 401


def test_a_key_is_good_for_its_scopes(deployment: Deployment) -> None:
    reached = {"acme": (200, 200, 403), "lists": (403, 200, 403), "admin": (403, 403, 200)}
    for who, statuses in reached.items():
        with deployment.client(who) as client:
            paths = ("/v1/models", "/v1/bias-lists", "/v1/admin/tenants")
            assert tuple(client.get(path).status_code for path in paths) == statuses
    with deployment.client("acme") as client:
        refused = client.post("/v1/admin/keys", json={"scopes": ["admin"]})
        assert code(refused) == (403, "forbidden", "scope")
        assert "'admin'" in refused.json()["error"]["message"]


async def test_sockets_want_the_scope_to_transcribe(deployment: Deployment) -> None:
    for key, expected in ((deployment.keys["lists"], "forbidden"), ("nobody", "unauthorized")):
        async with connected(deployment.urls[0], key=key) as stream:
            await stream.to_the_end()
            assert [event["code"] for event in stream.seen] == [expected]
            assert stream.close_code == 1008
        for path in ("/v1/realtime", "/v1/listen?encoding=linear16&sample_rate=16000"):
            address = deployment.urls[0].replace("http", "ws") + path
            with pytest.raises(InvalidStatus) as refused:
                await connect(address, additional_headers={"Authorization": f"Bearer {key}"}, proxy=None)
            assert refused.value.response.status_code == {"forbidden": 403, "unauthorized": 401}[expected]


# ---- what is whose


def test_lists_of_a_name_are_each_tenants_own(deployment: Deployment) -> None:
    with deployment.client("acme") as acme, deployment.client("other", 1) as other:
        assert acme.put("/v1/bias-lists/brands", json=["Loewe"]).json()["version"] == 1
        unknown = other.get("/v1/bias-lists/nothing")
        hidden = other.get("/v1/bias-lists/brands")
        assert code(hidden) == code(unknown)
        assert other.get("/v1/bias-lists").json()["data"] == []
        assert code(other.delete("/v1/bias-lists/brands"))[0] == 404
        used = other.post("/v1/jobs", data={"bias_lists[]": "brands"}, files={"file": wav(SILENCE)})
        assert code(used) == (404, "bias_list_not_found", "bias_lists")
        assert other.put("/v1/bias-lists/brands", json=["Fendi"]).json()["version"] == 1
        assert acme.get("/v1/bias-lists/brands").json()["phrases"] == [{"phrase": "Loewe"}]


def test_a_job_is_another_tenants_as_if_it_were_not(deployment: Deployment) -> None:
    with deployment.client("acme") as acme, deployment.client("other", 1) as other:
        job = acme.post("/v1/jobs", files={"file": wav(SILENCE)}).json()
        assert "tenant" not in job
        unknown, hidden = other.get(f"/v1/jobs/job_{'0' * 32}"), other.get(f"/v1/jobs/{job['id']}")
        assert code(hidden) == code(unknown)
        assert code(other.delete(f"/v1/jobs/{job['id']}"))[0] == 404
        assert acme.get(f"/v1/jobs/{job['id']}").status_code == 200


async def test_a_session_cannot_be_resumed_by_another_tenant(deployment: Deployment) -> None:
    acme, other = deployment.keys["acme"], deployment.keys["other"]
    async with started(deployment.urls[0], key=acme) as stream:
        session = {name: stream.seen[0][name] for name in ("session", "resume_token")}
        answers = []
        for named in (session, session | {"session": f"s_{'0' * 32}"}):
            async with connected(deployment.urls[1], key=other) as thief:
                await thief.say("resume", last_seq=1, **named)
                [answer] = await thief.to_the_end()
                answers.append(answer)
        assert answers[0] == answers[1]
        assert answers[0]["code"] == "not_found"
        await stream.say("ping", id="still mine")
        await stream.until("pong")
        stream.vanish()
    async with connected(deployment.urls[1], key=acme) as again:
        await again.say("resume", last_seq=1, **session)
        await again.until("resumed")


async def test_a_client_secret_is_its_makers_tenant_and_transcribes_only(deployment: Deployment) -> None:
    with deployment.client("acme") as acme:
        acme.put("/v1/bias-lists/mine", json=["Loewe"]).raise_for_status()
        secret = acme.post("/v1/realtime/client_secrets", json={}).json()["value"]
    with deployment.client("other") as other:
        foreign = other.post("/v1/realtime/client_secrets", json={}).json()["value"]
    async with started(deployment.urls[1], key=secret, bias_lists=["mine"]) as stream:
        assert stream.seen[0]["bias"]["lists"][0]["name"] == "mine"
    async with connected(deployment.urls[1], key=foreign) as stream:
        await stream.say("start", bias_lists=["mine"])
        [answer] = await stream.to_the_end()
        assert answer["code"] == "bias_list_not_found"
    with deployment.client(secret) as client:
        for path in ("/v1/bias-lists", "/v1/admin/keys", "/v1/usage"):
            assert client.get(path).status_code == 401


# ---- limits and usage


def test_no_more_lists_than_allowed(deployment: Deployment) -> None:
    with deployment.client("small") as client:
        for name in ("a", "b"):
            client.put(f"/v1/bias-lists/{name}", json=["Loewe"]).raise_for_status()
        assert code(client.put("/v1/bias-lists/c", json=["Loewe"])) == (422, "too_many_lists", "name")
        assert client.put("/v1/bias-lists/a", json=["Fendi"]).json()["version"] == 2
        client.delete("/v1/bias-lists/b").raise_for_status()
        client.put("/v1/bias-lists/c", json=["Loewe"]).raise_for_status()


async def test_a_stream_over_the_limit_is_refused_by_any_gateway(deployment: Deployment) -> None:
    async with started(deployment.urls[0], key=deployment.keys["small"]):
        async with connected(deployment.urls[1], key=deployment.keys["small"]) as second:
            await second.say("start")
            [answer] = await second.to_the_end()
        assert (answer["code"], answer["field"], second.close_code) == ("quota_exceeded", "concurrent_streams", 1013)
        async with started(deployment.urls[1], key=deployment.keys["other"]):
            pass


async def test_a_stream_ends_with_the_allowance_of_its_tenant(deployment: Deployment) -> None:
    key, frame = deployment.keys["thrifty"], 32_000  # bytes: 1 s
    with deployment.client("thrifty") as client:
        async with started(deployment.urls[0], key=key) as stream:
            for _ in range(70):
                await stream.audio(SILENCE, frame=frame)
            await stream.to_the_end()
        last = stream.seen[-1]
        assert (last["type"], last["code"], stream.close_code) == ("error", "allowance_spent", 1008)
        assert last["field"] == "audio_minutes_per_month"
        await until(lambda: client.get("/v1/usage").json()["total"]["live_seconds"] >= 59)
        assert client.get("/v1/usage").json()["total"]["live_seconds"] <= 61
        refused = client.post("/v1/audio/transcriptions", files={"file": wav(SILENCE)})
        assert code(refused) == (429, "allowance_spent", "audio_minutes_per_month")
        assert int(refused.headers["Retry-After"]) > 0


async def test_many_streams_on_two_gateways_add_up_exactly(deployment: Deployment) -> None:
    deployment_keys = deployment.keys["acme"]
    with deployment.client("acme") as client:
        await until(lambda: client.get("/v1/usage").json()["open_streams"] == 0)
        before = client.get("/v1/usage").json()["total"]

        async def dictate(number: int) -> None:
            async with started(deployment.urls[number % 2], key=deployment_keys) as stream:
                await stream.audio(SILENCE[: 1_600 * (number + 1)])
                if number % 3 == 0:  # goes away, and comes back to the other gateway
                    await stream.until("ack")
                    session = {name: stream.seen[0][name] for name in ("session", "resume_token")}
                    stream.vanish()
                    async with connected(deployment.urls[(number + 1) % 2], key=deployment_keys) as again:
                        await again.say("resume", last_seq=stream.seen[-1]["seq"], **session)
                        heard = (await again.until("resumed"))["bytes"] // 2
                        await again.audio(SILENCE[heard : 1_600 * (number + 1)])
                        await again.say("finish")
                        await again.to_the_end()
                else:
                    await stream.say("finish")
                    await stream.to_the_end()

        await asyncio.gather(*map(dictate, range(9)))
        seconds = sum(0.1 * (number + 1) for number in range(9))

        def used() -> dict[str, float]:
            after = client.get("/v1/usage").json()["total"]
            return {name: round(after[name] - before[name], 3) for name in ("streams", "live_seconds")}

        await until(lambda: used() == {"streams": 9, "live_seconds": round(seconds, 3)})


# ---- administration


def test_keys_and_tenants_by_the_admin_api(deployment: Deployment) -> None:
    with deployment.client("admin") as admin:
        made = admin.post("/v1/admin/tenants", json={"id": "new", "limits": {"bias_lists": 5}})
        assert (made.status_code, made.json()["limits"]["bias_lists"]) == (201, 5)
        assert code(admin.post("/v1/admin/tenants", json={"id": "new"})) == (409, "conflict", "id")
        changed = admin.patch("/v1/admin/tenants/new", json={"limits": {"concurrent_streams": 3}}).json()
        assert (changed["limits"]["bias_lists"], changed["limits"]["concurrent_streams"]) == (5, 3)
        wrong = admin.patch("/v1/admin/tenants/new", json={"limits": {"concurrent_streams": -1}})
        assert code(wrong) == (400, "invalid_request", "limits.concurrent_streams")
        key = admin.post("/v1/admin/keys", json={"tenant": "new", "scopes": ["transcribe"]}).json()
        assert "key" not in admin.get("/v1/admin/keys?tenant=new").json()["data"][0]
        with deployment.client(key["key"], 1) as client:
            assert client.get("/v1/models").status_code == 200
            assert client.get("/v1/usage").json()["tenant"] == "new"
        rotated = admin.post(f"/v1/admin/keys/{key['id']}:rotate", json={"overlap_s": 60}).json()
        for each in (key, rotated):
            with deployment.client(each["key"], 1) as client:
                assert client.get("/v1/models").status_code == 200
        lister = admin.post("/v1/admin/keys", json={"tenant": "new", "scopes": ["lists"]}).json()["key"]
        with deployment.client(lister) as client:
            client.put("/v1/bias-lists/brands", json=["Loewe"]).raise_for_status()
        assert admin.post(f"/v1/admin/keys/{key['id']}:revoke").json()["revoked"]
        assert admin.delete("/v1/admin/tenants/new").status_code == 200
        assert code(admin.get("/v1/admin/tenants/new"))[0] == 404
        with redis.Redis.from_url(deployment.redis_url) as store:
            kept = store.hvals(Keys("sotto").bias_lists("new"))
        assert not any("digest" in json.loads(record) for record in kept)
        assert code(admin.delete("/v1/admin/tenants/default"))[0] == 400
        actions = [(record["action"], record["result"]) for record in admin.get("/v1/admin/audit").json()["data"]]
    for expected in ("tenant.create", "tenant.update", "key.create", "key.rotate", "key.revoke", "tenant.delete"):
        assert (expected, "ok") in actions
    assert ("tenant.create", "conflict") in actions
    assert {result for action, result in actions if action == "access"} >= {"unauthorized", "forbidden"}


def test_all_usage_has_every_tenant(deployment: Deployment) -> None:
    with deployment.client("admin") as admin:
        tenants = {usage["tenant"] for usage in admin.get("/v1/admin/usage").json()["data"]}
        assert tenants >= {"acme", "other", "small", "default"}
        assert code(admin.get("/v1/admin/usage?from=2020-01-01&to=2026-01-01"))[0] == 400
