"""API keys: who may call."""

import pytest

from service.errors import BadRequest, Unauthorized
from service.gateway.auth import Keys, key_in, require_loopback_without_keys


def test_without_configured_keys_anything_is_accepted() -> None:
    for header in (None, "", "Bearer x", "garbage"):
        Keys("").check(key_in(header))


@pytest.mark.parametrize("header", ["Bearer one", "bearer two", "Bearer  two ", "Token one"])
def test_each_configured_key_is_accepted(header: str) -> None:
    Keys("one, two").check(key_in(header))


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer three", "Basic one", "one", "Bearer öne"])
def test_anything_else_is_unauthorized(header: str | None) -> None:
    with pytest.raises(Unauthorized):
        Keys("one,two").check(key_in(header))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_loopback_needs_no_key(host: str) -> None:
    require_loopback_without_keys(Keys(" , "), host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org"])
def test_other_addresses_need_a_key(host: str) -> None:
    with pytest.raises(BadRequest, match="SOTTO_API_KEYS"):
        require_loopback_without_keys(Keys(""), host)
    require_loopback_without_keys(Keys("k"), host)
