"""Tokens of an issuer, whose keys are published on loopback: what is checked, and what is asked how often."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from service.errors import IssuerUnavailable, Unauthorized
from service.gateway.auth import Access
from service.gateway.oidc import ASK_AGAIN_S, DISCOVERY, Issuer
from service.log.store import Store
from service.log.tenants import Tenant, Tenants
from service.settings import Settings

RSA, OTHER_RSA = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
EC = ec.generate_private_key(ec.SECP256R1())


def published(key: Any, algorithm: str, key_id: str) -> dict[str, Any]:
    kind = jwt.algorithms.RSAAlgorithm if algorithm == "RS256" else jwt.algorithms.ECAlgorithm
    return {**json.loads(kind.to_jwk(key.public_key())), "kid": key_id, "alg": algorithm, "use": "sig"}


class Provider:
    """An identity provider: discovery and keys."""

    def __init__(self) -> None:
        self.keys = [published(RSA, "RS256", "rsa"), published(EC, "ES256", "ec")]
        self.asked: list[str] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                found = {DISCOVERY: {"jwks_uri": f"{provider.url}/keys"}, "/keys": {"keys": provider.keys}}
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(found[self.path]).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, key: Any = RSA, algorithm: str = "RS256", key_id: str | None = "rsa", **changes: Any) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": "sotto", "sub": "ann", "exp": now + 600, "tenant": "acme"}
        claims |= {"scope": "openid sotto:transcribe sotto:lists"} | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, key, algorithm, headers={"kid": key_id} if key_id else None)


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.server.shutdown()
    provider.server.server_close()


@pytest.fixture
def issuer(provider: Provider) -> Issuer:
    return Issuer(Settings(oidc_issuer=provider.url))


@pytest.mark.parametrize(("key", "algorithm", "key_id"), [(RSA, "RS256", "rsa"), (EC, "ES256", "ec")])
async def test_a_good_token_names_tenant_and_scopes(
    provider: Provider, issuer: Issuer, key: Any, algorithm: str, key_id: str
) -> None:
    token = await issuer.verify(provider.token(key, algorithm, key_id))
    assert (token.subject, token.tenant, token.scopes) == ("ann", "acme", {"transcribe", "lists"})
    listed = await issuer.verify(provider.token(scope=["sotto:admin", "admin", "lists"]))
    assert listed.scopes == {"admin"}


def pem(key: Any) -> bytes:
    public: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"exp": None},
        {"nbf": 9_999_999_999},
        {"aud": "another"},
        {"aud": None},
        {"iss": "https://another.example"},
        {"iss": None},
        {"tenant": None},
        {"tenant": ["acme"]},
    ],
)
async def test_a_token_with_a_wrong_claim_is_not_good(
    provider: Provider, issuer: Issuer, changes: dict[str, Any]
) -> None:
    with pytest.raises(Unauthorized):
        await issuer.verify(provider.token(**changes))


async def test_only_keys_that_the_issuer_publishes_sign(provider: Provider, issuer: Issuer) -> None:
    unsigned = provider.token(None, "none")
    shared = provider.token("x" * 32, "HS256")
    _, _, signature = provider.token().split(".")
    header, claims, _ = provider.token(tenant="other").split(".")
    for token in (
        unsigned,
        shared,
        provider.token(OTHER_RSA),
        provider.token(EC, "ES256", "rsa"),
        provider.token(key_id="unknown"),
        provider.token(key_id=None),
        f"{header}.{claims}.{signature}",
        "a.b.c",
        "..",
    ):
        with pytest.raises(Unauthorized):
            await issuer.verify(token)


async def test_keys_are_kept_and_asked_for_again_when_a_new_one_appears(
    provider: Provider, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        await issuer.verify(provider.token())
    assert provider.asked == [DISCOVERY, "/keys"]
    provider.keys.append(published(OTHER_RSA, "RS256", "new"))
    for _ in range(3):  # unknown key ids are no way to have the issuer asked all the time
        with pytest.raises(Unauthorized):
            await issuer.verify(provider.token(OTHER_RSA, key_id="new"))
    assert len(provider.asked) == 2
    steady = time.monotonic
    monkeypatch.setattr("service.gateway.oidc.time.monotonic", lambda: steady() + ASK_AGAIN_S + 1)
    await issuer.verify(provider.token(OTHER_RSA, key_id="new"))
    assert len(provider.asked) == 4


async def test_an_issuer_that_is_away_is_told_from_a_bad_token(provider: Provider) -> None:
    issuer = Issuer(Settings(oidc_issuer=provider.url, oidc_jwks_url="http://127.0.0.1:1/keys"))
    with pytest.raises(IssuerUnavailable):
        await issuer.verify(provider.token())


async def test_a_gateway_lets_in_tokens_of_tenants_that_there_are(provider: Provider, store: Store) -> None:
    await Tenants(store).create(Tenant(id="acme"))
    access = Access(Settings(oidc_issuer=provider.url), store, is_open=False)
    caller = await access.caller(provider.token())
    assert (caller.tenant.id, caller.scopes, caller.key) == ("acme", {"transcribe", "lists"}, "oidc:ann")
    with pytest.raises(Unauthorized, match="'ghost'"):
        await access.caller(provider.token(tenant="ghost"))
