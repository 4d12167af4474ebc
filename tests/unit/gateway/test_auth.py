"""API keys: who may call, from where, and what for."""

import pytest

from service.errors import BadRequest, Forbidden
from service.gateway.auth import Caller, Keys, is_loopback, key_in, require_loopback_when_open
from service.gateway.limits import scope_of
from service.log.tenants import Tenant


@pytest.mark.parametrize("header", ["Bearer one", "bearer two", "Bearer  two ", "Token one"])
def test_each_configured_key_is_known(header: str) -> None:
    assert Keys("one, two").knows(key_in(header) or "")


@pytest.mark.parametrize("header", ["Bearer three", "Bearer öne", "Bearer one,two"])
def test_no_other_key_is_known(header: str) -> None:
    assert not Keys("one,two").knows(key_in(header) or "")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic one", "one"])
def test_other_headers_hold_no_key(header: str | None) -> None:
    assert key_in(header) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_loopback_needs_no_key(host: str) -> None:
    assert is_loopback(host)
    require_loopback_when_open(True, host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org"])
def test_other_addresses_need_a_key(host: str) -> None:
    with pytest.raises(BadRequest, match="SOTTO_API_KEYS"):
        require_loopback_when_open(True, host)
    require_loopback_when_open(False, host)


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/v1/audio/transcriptions", "transcribe"),
        ("/v1/jobs/1", "transcribe"),
        ("/v1/usage", "transcribe"),
        ("/v1/bias-lists", "lists"),
        ("/v1/bias-lists/brands", "lists"),
        ("/v1/admin/keys", "admin"),
        ("/v1/admin/models/base:load", "admin"),
    ],
)
def test_each_path_has_its_scope(path: str, scope: str) -> None:
    assert scope_of(path) == scope


def test_a_missing_scope_is_named() -> None:
    with pytest.raises(Forbidden, match="'admin'"):
        Caller(Tenant(id="acme"), frozenset({"transcribe", "lists"}), "1").require("admin")
