"""Keys, tokens and texts: compared without telling, stored as hashes, and never logged."""

import ast
import hmac
import json
import logging
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import httpx
import pytest
import redis
from redis.exceptions import ConnectionError
from sotto_client import Final, Finished, Stream, StreamOptions

from service import logs
from service.gateway.auth import Keys
from service.gateway.replies import error_body
from service.log.api_keys import ApiKey, Hashed
from service.log.sessions import token_hash
from service.log.store import unavailable
from tests.e2e.conftest import Gateways
from tests.e2e.recordings import samples
from tests.stack import Stack

SERVICE = Path(__file__).parents[2] / "service"
SECRET = "sk-Very-Secret-0123456789"
CLIP = "human-en-conf-invalid"


def compared_with(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, object]]:
    compared: list[tuple[object, object]] = []
    real = hmac.compare_digest

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return real(a, b)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    return compared


def test_every_configured_key_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    keys, compared = Keys("one,two,three"), compared_with(monkeypatch)
    assert keys.knows("one")
    assert len(compared) == 3, "a match ends the comparison early, and its time tells which key it was"
    assert not keys.knows("four")
    assert len(compared) == 6


def test_every_hash_of_a_key_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = tuple(Hashed(hash=token_hash(key)) for key in ("new", "former"))
    record = ApiKey(id="0" * 12, tenant="default", scopes=("transcribe",), created=0, hashes=hashes)
    compared = compared_with(monkeypatch)
    assert record.fits("new")
    assert len(compared) == 2


def test_secrets_are_made_and_compared_by_the_right_tools() -> None:
    """No `random`, no `==` on what is secret, no pickle, eval or shell in the service."""
    wrong = []
    for path in SERVICE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                wrong += [f"{path}: {name}" for name in names & {"pickle", "marshal", "shelve", "telnetlib"}]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
                wrong.append(f"{path}:{node.lineno}")
            elif isinstance(node, ast.keyword) and node.arg == "shell" and getattr(node.value, "value", None) is True:
                wrong.append(f"{path}:{node.value.lineno}")
            elif isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
                sides = {side.id for side in (node.left, *node.comparators) if isinstance(side, ast.Name)}
                wrong += [f"{path}:{node.lineno}" for _ in sides & {"key", "token", "secret", "signature", "digest"}]
    assert [each for each in wrong if "demux" not in each] == []


@pytest.fixture(scope="module")
def keyed(gateways: Gateways) -> Iterator[str]:
    with gateways(SOTTO_API_KEYS=SECRET, SOTTO_LOG_LEVEL="debug") as url:
        yield url


async def test_neither_keys_nor_tokens_nor_texts_are_logged_or_stored(
    live_stack: Stack, live_server: str, keyed: str, store: "redis.Redis"
) -> None:
    texts = []
    async with Stream(keyed, StreamOptions(language="en"), api_key=SECRET) as stream:
        await stream.send_audio(samples(CLIP).tobytes())
        await stream.finish()
        async for event in stream:
            if isinstance(event, Final):
                texts.append(event.text)
            elif isinstance(event, Finished):
                break
    wrong = f"{SECRET}-but-wrong"
    async with httpx.AsyncClient(base_url=keyed, timeout=60) as client:
        for headers in ({"Authorization": f"Bearer {wrong}"}, {"Authorization": f"Token {wrong}"}):
            reply = await client.get("/v1/models", headers=headers)
            assert reply.status_code == 401
            assert wrong not in reply.text
        headers = {"Authorization": f"Bearer {SECRET}"}
        made = (await client.post("/v1/realtime/client_secrets", json={}, headers=headers)).json()
    secrets = [SECRET, made["value"]]
    logged = "".join(path.read_text(errors="replace") for path in live_stack.folder.glob("*.log"))
    assert [secret for secret in secrets if secret in logged] == []
    assert [text for text in texts if text and text in logged] == []
    assert texts
    values = [store.dump(key) or b"" for key in store.scan_iter("*")]
    assert not [secret for secret in secrets if any(secret.encode() in value for value in values)]


def test_a_line_break_in_what_is_logged_begins_no_line() -> None:
    handlers, level = logging.getLogger().handlers, logging.getLogger().level
    try:
        logs.configure("info", "gateway")
        (handler,) = logging.getLogger().handlers
        assert isinstance(handler, logging.StreamHandler)
        written = StringIO()
        handler.setStream(written)
        forged = 'x\n{"level": "INFO", "message": "forged"}\r\n\u2028\x1b[2J'
        logging.getLogger("test").warning(forged, extra={"reason": forged})
    finally:
        logging.getLogger().handlers = handlers
        logging.getLogger().setLevel(level)
    lines = written.getvalue().rstrip("\n")
    assert len(lines.splitlines()) == 1
    assert "\x1b" not in lines
    assert json.loads(lines)["reason"] == forged


def test_callers_do_not_learn_where_redis_is() -> None:
    error = unavailable(ConnectionError("Error 111 connecting to redis.internal:6379, user sotto. Connection refused."))
    told = json.dumps(error_body(error))
    assert error.code == "store_unavailable"
    assert not [word for word in ("internal", "6379", "Error", "sotto") if word in told]


def test_errors_tell_neither_paths_nor_tracebacks(live_server: str) -> None:
    with httpx.Client(base_url=live_server, timeout=60) as client:
        replies = [
            client.post("/v1/audio/transcriptions", files={"file": ("../../x.wav", b"RIFF" + bytes(80))}),
            client.post("/v1/audio/transcriptions", files={"file": b"x"}, data={"model": "../base"}),
            client.post("/v1/listen", content=b"\xff" * 1_000),
            client.put("/v1/bias-lists/x", content=b"\xff", headers={"Content-Type": "text/csv"}),
            client.post("/v1/admin/keys", content=b"{", headers={"Content-Type": "application/json"}),
        ]
    for reply in replies:
        assert 400 <= reply.status_code < 500
        assert not [word for word in ("Traceback", "/work", "/usr", ".py", "site-packages") if word in reply.text]
