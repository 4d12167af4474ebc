"""Which addresses may be called for somebody else."""

import httpx
import pytest

from service.errors import BadRequest
from service.gateway.public_addresses import PrivateAddress, is_public, parse, targets_of
from service.gateway.rest.listen_source import allowed
from service.settings import Settings


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a00:1::"),
    ],
)
def test_private_addresses_and_detours_to_them(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "url", ["", "ftp://example.com", "http://", "http://[::1", "//example.com", "http://a b/", "http://x:99999/"]
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(url, field="url", allow_private=True)
    assert refused.value.field == "url"


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "127.0.0.1", "[::1]", "169.254.169.254"])
def test_private_hosts_are_refused_by_name(host: str) -> None:
    with pytest.raises(BadRequest, match="private address"):
        parse(f"http://{host}/", field="url", allow_private=False)


async def test_names_are_looked_up_and_called_at_what_was_found() -> None:
    url = httpx.URL("https://localhost:8443/a?b=c")
    with pytest.raises(PrivateAddress):
        await targets_of(url, allow_private=False)
    target, *_ = await targets_of(url, allow_private=True)
    assert target.url.host in ("127.0.0.1", "::1")
    assert target.url.raw_path == b"/a?b=c"
    assert (target.headers["Host"], target.extensions["sni_hostname"]) == ("localhost:8443", "localhost")


@pytest.mark.parametrize("host", ["1.1.1.1", "media.example.com", "a.b.example.com", "MEDIA.example.com"])
def test_hosts_are_allowed_by_pattern(host: str) -> None:
    settings = Settings(listen_url_allow="*.Example.com , 1.1.1.1,")
    assert allowed(f"https://{host}/a.wav", settings).host == host.lower()


@pytest.mark.parametrize("host", ["example.com", "example.com.evil.org", "1.1.1.2", "evil.org#.example.com"])
def test_other_hosts_are_not(host: str) -> None:
    with pytest.raises(BadRequest, match="not fetched"):
        allowed(f"https://{host}/a.wav", Settings(listen_url_allow="*.example.com,1.1.1.1"))
