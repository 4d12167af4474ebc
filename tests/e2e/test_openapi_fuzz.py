"""schemathesis asks a real server what its OpenAPI description allows, and more: no server error, nothing undescribed.

Every operation of the description is asked, whatever routes there are. `default` responses are left out of it here:
they tell the shape of other errors, and would let any status pass.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.log.api_keys import SCOPES, ApiKeys
from service.log.store import Store
from tests.e2e.recordings import flac
from tests.stack import Stack
from tests.unit.audio.encoded import wav

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
HEADERS: dict[str, str] = {}
EXAMPLES, FEWER = 60, 20  # per operation with a body, and without: there is less to vary
ONCE = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
ANSWER_S = 30.0
CLIP = "human-en-conf-invalid"


async def key_for_everything(redis_url: str) -> str:
    """Made before there is a gateway: the first key that a request makes would close an open one."""
    store = Store(redis_url, prefix="sotto")
    try:
        return (await ApiKeys(store).create("default", SCOPES))[1]
    finally:
        await store.close()


@pytest.fixture(scope="module")
def server(base_model_dir: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A deployment of its own: what is asked of it fills its lists and jobs, tenants and keys."""
    stack = Stack(tmp_path_factory.mktemp("fuzzed"), SOTTO_MAX_UPLOAD_S="60")
    HEADERS["Authorization"] = f"Bearer {asyncio.run(key_for_everything(stack.redis.url))}"
    try:
        _, url = stack.gateway()
        stack.worker()
        stack.ready(url)
        yield url
    finally:
        stack.close()


@pytest.fixture(scope="module")
def described(server: str) -> Any:
    """The description of the running server, without `default` responses."""
    description = httpx.get(f"{server}/openapi.json").json()
    for operations in description["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("default", None)
    schema = schemathesis.openapi.from_dict(description)
    schema.config.update(base_url=server)
    return schema


@pytest.fixture(scope="module")
def known(server: str) -> dict[str, Any]:
    """What requests may name or send that is really there: path parameters, and recordings."""
    with httpx.Client(base_url=server, headers=HEADERS, timeout=30) as client:
        client.put("/v1/bias-lists/names", json=["Loewe", "Brunello Cucinelli"]).raise_for_status()
        job = client.post("/v1/jobs", files={"file": ("a.flac", flac(CLIP))}).raise_for_status().json()
        client.post("/v1/admin/tenants", json={"id": "acme"}).raise_for_status()
        key = client.post("/v1/admin/keys", json={"tenant": "acme"}).raise_for_status().json()
        client.post("/v1/admin/models/base:alias", json={"alias": "crm"}).raise_for_status()
    files = [flac(CLIP), wav(np.random.default_rng(0).integers(-3000, 3000, 32_000, np.int16)), b"RIFF"]
    forms = {"model": ["base"], "language": ["en"], "bias_lists": [["names"]], "languages[]": [["en", "es"]]}
    administered = {"tenant": ["acme"], "key": [key["id"]], "alias": ["crm"]}
    return {"name": ["names"], "job": [job["id"]], "file": files} | forms | administered


def a_few(fields: Any, *always: str) -> st.SearchStrategy[dict[str, Any]]:
    """At most four of the fields: one bad one hides what the others do."""
    names = st.sets(st.sampled_from(sorted(fields)), max_size=4) if fields else st.just(set())
    return names.map(lambda kept: {name: value for name, value in fields.items() if name in kept | {*always}})


def ask(operation: Any, known: dict[str, Any], answered: Counter[int]) -> None:
    """Sends one request after another; the first that is answered wrongly is the one to report."""

    @settings(ONCE, max_examples=EXAMPLES if operation.body else FEWER)
    @given(data=st.data())
    def send(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=data.draw(st.sampled_from(GenerationMode))))
        form: dict[str, Any] = case.body if isinstance(case.body, dict) else {}
        if case.media_type == "multipart/form-data" and isinstance(case.body, dict):
            form = case.body = data.draw(a_few(case.body, "file"))
        elif case.media_type == "application/octet-stream" and data.draw(st.integers(0, 3)):
            case.body = data.draw(st.sampled_from(known["file"]))
        case.query = data.draw(a_few(case.query))
        for part in (case.path_parameters, form):
            for name in sorted(known.keys() & part.keys()):
                if data.draw(st.integers(0, 3)):
                    part[name] = data.draw(st.sampled_from(known[name]))
        answered[case.call_and_validate(checks=CHECKS, headers=HEADERS, timeout=ANSWER_S).status_code] += 1

    send()


def test_no_request_fails_the_server_or_is_answered_otherwise_than_described(
    described: Any, known: dict[str, Any], subtests: pytest.Subtests
) -> None:
    operations = [result.ok() for result in described.get_all_operations()]
    answered: dict[str, Counter[int]] = {operation.label: Counter() for operation in operations}
    for operation in operations:
        with subtests.test(operation.label):
            ask(operation, known, answered[operation.label])
    for route in ("/v1/audio/transcriptions", "/v1/audio/translations", "/v1/jobs"):
        statuses = answered[f"POST {route}"]
        assert {200, 202} & set(statuses), f"no request was good enough for {route}: {statuses}"
        assert statuses[400]
    for operation in ("POST /v1/listen", "POST /v1/admin/models/{model}:alias", "POST /v1/admin/models/{model}:load"):
        assert {200, 202} & set(answered[operation]), (
            f"no request was good enough for {operation}: {answered[operation]}"
        )
    for operation in ("POST /v1/admin/keys", "PATCH /v1/admin/tenants/{tenant}"):
        assert {200, 201} & set(answered[operation]), (
            f"no request was good enough for {operation}: {answered[operation]}"
        )
