"""URLs that callers name (webhooks, recordings to fetch) lead to public addresses only, whatever they look like."""

import asyncio
import socket
from typing import Any

import httpx
import pytest

from service.errors import BadRequest
from service.gateway import webhooks
from service.gateway.public_addresses import PrivateAddress, parse, targets_of
from service.gateway.rest.listen_source import allowed
from service.settings import Settings

PRIVATE = (
    *("http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/"),
    *("http://017700000001/", "http://0177.0.0.1/", "http://0/", "http://localhost/", "http://localhost./"),
    *("http://LOCALHOST/", "http://a.localhost/", "http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/"),
    *("http://[::ffff:7f00:1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://[fe80::1%25eth0]/"),
    *("http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://100.100.100.200/"),
    *("http://192.168.1.1/", "http://10.0.0.1:6379/", "http://user:password@127.0.0.1/", "http://127.0.0.1.:80/"),
    *("http://127。0。0。1/", "http://１２７.0.0.1/", "http://①②⑦.0.0.1/"),
)
NO_WEB_ADDRESS = (
    *("file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "redis://example.com/", "unix:/tmp/x.sock"),
    *(
        "http:///x",
        "https://",
        "javascript:alert(1)",
        "//example.com/",
        "http://exa mple.com/",
        "http://ex\0ample.com/",
    ),
    *("http://example.com\r\nX-Evil: 1/", "http://example.com:99999/", "http://[::1", "data:,x", "http://%31%32%37.1/"),
)


async def leads_nowhere(url: str) -> None:
    """Raises what refuses the URL: by its looks, or by the address that its name stands for."""
    await targets_of(parse(url, field="url", allow_private=False), allow_private=False)


@pytest.mark.parametrize("url", PRIVATE)
async def test_private_addresses_are_not_called_in_any_spelling(url: str) -> None:
    with pytest.raises((BadRequest, PrivateAddress, OSError, UnicodeError)):
        await leads_nowhere(url)


@pytest.mark.parametrize("url", NO_WEB_ADDRESS)
def test_other_schemes_and_broken_urls_are_refused_by_name(url: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(url, field="webhook_url", allow_private=True)
    assert refused.value.field == "webhook_url"


async def test_a_name_that_changes_its_mind_is_called_at_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    url = httpx.URL("https://rebinding.example/hook")
    (target,) = await targets_of(url, allow_private=False)
    assert (target.url.host, target.headers["Host"]) == ("93.184.216.34", "rebinding.example")
    assert target.extensions["sni_hostname"] == "rebinding.example"  # the certificate is checked against the name
    with pytest.raises(PrivateAddress):
        await targets_of(url, allow_private=False)


async def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        addresses = ("93.184.216.34", "10.0.0.7")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    with pytest.raises(PrivateAddress, match=r"10\.0\.0\.7"):
        await targets_of(httpx.URL("http://both.example/"), allow_private=False)


async def test_credentials_in_a_url_are_not_sent_as_its_host() -> None:
    (target, *_) = await targets_of(httpx.URL("http://user:secret@127.0.0.1:81/x"), allow_private=True)
    assert target.headers["Host"] == "127.0.0.1:81"


@pytest.mark.parametrize("host", ["media.example.com.evil.org", "evil.org/.example.com", "a@evil.org", "example.com"])
def test_the_list_of_hosts_is_not_got_around(host: str) -> None:
    with pytest.raises(BadRequest):
        allowed(f"https://{host}/a.wav", Settings(listen_url_allow="*.example.com"))


async def test_a_webhook_follows_no_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.append((await reader.readuntil(b"\r\n\r\n")).decode())
        location = b"http://127.0.0.1:1/elsewhere"
        writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")
        writer.close()

    monkeypatch.setattr(webhooks, "TRIES", 1)
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        settings = Settings(webhook_secret="s3cret", webhook_allow_private=True)
        assert not await webhooks.deliver(url, {"id": "a\r\nX-Evil: 1"}, settings)
    assert len(called) == 1
    assert "s3cret" not in called[0]
    assert "\r\nX-Evil" not in called[0]
