"""Paths, names and headers that try to be something else."""

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from service.gateway.auth import Access, Caller
from service.log.store import Keys
from tests.e2e.conftest import Gateways
from tests.e2e.recordings import flac

CLIP = "human-en-conf-invalid"
TRAVERSALS = (
    "..",
    "%2e%2e",
    "..%2f..%2fapp.py",
    "%2e%2e/%2e%2e/app.py",
    "..%5c..%5capp.py",
    "....//app.py",
    "%00",
    "~root",
)
NAMES = ("a:b", "a{b}", "{a}:state", "*", "a%00b", "a%0d%0aDEL", "..", "%ED%A0%80", "日", "A" * 300)


def status_of(url: str, path: str, **headers: str) -> int:
    """Of the path as it stands: no client's idea of a better one."""
    address = httpx.URL(url)
    connection = http.client.HTTPConnection(address.host, address.port, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        assert b"Traceback" not in (body := reply.read()), path
        assert b"import " not in body, path
        return reply.status
    finally:
        connection.close()


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_out_of_the_served_files(live_server: str, path: str) -> None:
    for folder in ("/app/", "/dashboard/", "/v1/jobs/", "/v1/bias-lists/", "/v1/admin/models/", "/v1/sessions/"):
        assert 400 <= status_of(live_server, folder + path) < 500, folder
    for absolute in ("//etc/passwd", "/app//etc/passwd", "/../../etc/passwd", "/app/../gateway/app.py"):
        assert status_of(live_server, absolute) in (307, 400, 404)


@pytest.mark.parametrize("name", NAMES)
def test_names_with_meaning_to_redis_or_disks_are_refused(live_server: str, store: "redis.Redis", name: str) -> None:
    known = set(store.scan_iter("*"))
    with httpx.Client(base_url=live_server, timeout=60) as client:
        replies = [
            client.put(f"/v1/bias-lists/{name}", json=["Ana"]),
            client.post(f"/v1/admin/models/{name}:load"),
            client.get(f"/v1/jobs/{name}"),
            client.post("/v1/admin/tenants", json={"id": name}),
            client.post("/v1/admin/keys", json={"tenant": name}),
            client.post("/v1/admin/models/base:alias", json={"alias": name}),
            client.post("/v1/audio/transcriptions", files={"file": flac(CLIP)}, data={"model": name}),
            client.post("/v1/audio/transcriptions", files={"file": flac(CLIP)}, data={"bias_lists": name}),
        ]
    assert [reply.status_code for reply in replies if not 400 <= reply.status_code < 500] == []
    made = {key for key in store.scan_iter("*") if b":figures:" not in key and b":wake:" not in key} - known
    assert not [key for key in made if b"lists" in key or b"api_keys" in key or b"deployment" in key]


def test_keys_of_tenants_sessions_and_models_cannot_collide() -> None:
    keys = Keys("sotto")
    names = [
        keys.turns("a", "final"),
        keys.state("turns:a"),
        keys.bias_lists("a"),
        keys.tenant_requests("a"),
        keys.job("a"),
    ]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"Origin": "https://evil.example"}, "origin"),
        ({"Origin": "null"}, "origin"),
        ({"Origin": "http://[::1"}, "origin"),
        ({"Origin": "http://localhost.evil.example"}, "origin"),
        ({"Host": "evil.example"}, "host"),
        ({"Host": "127.0.0.1.evil.example:8000"}, "host"),
        ({"Host": "[::1"}, "host"),
    ],
)
def test_without_keys_pages_of_other_sites_are_not_served(
    live_server: str, headers: dict[str, str], field: str
) -> None:
    """Neither across origins nor by a name that was led to this machine (DNS rebinding), which sends no Origin."""
    reply = httpx.get(f"{live_server}/v1/models", headers=headers, timeout=60)
    assert (reply.status_code, reply.json()["error"]["param"]) == (401, field)
    if "Host" not in headers:
        socket_url = live_server.replace("http", "ws", 1) + "/v1/stream"
        with connect(socket_url, additional_headers=headers, proxy=None) as stream:
            assert json.loads(stream.recv(60))["field"] == field
            with pytest.raises(ConnectionClosed):
                stream.recv(60)


@pytest.mark.parametrize("headers", [{"Origin": "http://localhost:3000"}, {"Host": "app.localhost:8000"}])
def test_pages_of_this_machine_are_served(live_server: str, headers: dict[str, str]) -> None:
    assert httpx.get(f"{live_server}/v1/models", headers=headers, timeout=60).status_code == 200


def test_no_answer_allows_other_origins_to_read_it(api: httpx.Client) -> None:
    origin = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    replies = [api.options("/v1/jobs", headers=origin), api.get("/v1/models", headers=origin), api.get("/app/")]
    assert not [name for reply in replies for name in reply.headers if name.startswith("access-control-")]


def test_the_page_may_not_be_framed_or_run_foreign_scripts(api: httpx.Client) -> None:
    reply = api.get("/app/")
    if reply.status_code == 404:
        pytest.skip("the web page is not built here (make web)")
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("query", ["model=%0d%0aX-Evil:%201", "language=a%0aX-Evil:1", "tag=%0d%0aX-Evil:1&model=x"])
def test_what_a_caller_says_begins_no_header(live_server: str, query: str) -> None:
    reply = httpx.post(f"{live_server}/v1/listen?{query}", content=flac(CLIP), timeout=60)
    assert "x-evil" not in reply.headers
    with pytest.raises(Exception, match="400"):
        connect(f"{live_server.replace('http', 'ws', 1)}/v1/listen?{query}", proxy=None)


def test_what_a_caller_says_begins_no_event(api: httpx.Client) -> None:
    """Server-sent events are one line of JSON each, whatever the text."""
    form = {"stream": "true", "language": "en", "prompt": "a\r\n\r\ndata: evil\n\nevent: evil"}
    with api.stream("POST", "/v1/audio/transcriptions", files={"file": flac(CLIP)}, data=form) as reply:
        lines = [line for line in reply.iter_lines() if line]
    assert all(line.startswith(("data: ", "event: ")) for line in lines)
    assert not any("evil" in line for line in lines)


@pytest.mark.parametrize("language", ["日本語" * 60, "é" * 100, "\u202e" * 100])
def test_a_refusal_that_repeats_any_script_closes_with_its_code(live_server: str, language: str) -> None:
    with connect(live_server.replace("http", "ws", 1) + "/v1/stream", proxy=None) as stream:
        stream.send(json.dumps({"type": "start", "language": language}))
        assert json.loads(stream.recv(60))["field"] == "language"
        with pytest.raises(ConnectionClosed) as closed:
            stream.recv(60)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


def test_requests_in_requests_are_refused(live_server: str) -> None:
    """Two lengths, or a length and chunks: what proxies and servers read differently."""
    address = httpx.URL(live_server)
    for smuggled in (
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
    ):
        with socket.create_connection((address.host, address.port), timeout=60) as raw:
            raw.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\n" + smuggled)
            raw.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: raw.recv(65_536), b""))
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501")), smuggled
        assert b'"status":"ok"' not in answer


@pytest.fixture(scope="module")
def locked(gateways: Gateways) -> Iterator[str]:
    with gateways(SOTTO_API_KEYS="first-key") as url:
        yield url


def test_addresses_that_a_caller_claims_are_believed_of_proxies_only(locked: str, store: "redis.Redis") -> None:
    """127.0.0.2 is no proxy of anybody's; uvicorn believes 127.0.0.1 unless FORWARDED_ALLOW_IPS says otherwise."""
    address = httpx.URL(locked)
    connection = http.client.HTTPConnection(address.host, address.port, source_address=("127.0.0.2", 0), timeout=60)
    connection.request("GET", "/v1/models", headers={"X-Forwarded-For": "8.8.8.8", "Authorization": "Bearer forged"})
    assert connection.getresponse().status == 401
    told: list[Any] = [fields for _, fields in store.xrange(Keys("sotto").audit(), "-", "+")]
    assert not [fields for fields in told if b"8.8.8.8" in b" ".join(fields.values())]
    assert [fields for fields in told if b"127.0.0.2" in b" ".join(fields.values())]


def test_a_caller_is_whoever_the_key_says(locked: str) -> None:
    assert Access.caller.__annotations__["return"] is Caller
    for headers in ({"X-Tenant": "other"}, {"X-Forwarded-User": "admin"}, {"Cookie": "key=first-key"}):
        assert httpx.get(f"{locked}/v1/models", headers=headers, timeout=60).status_code == 401
