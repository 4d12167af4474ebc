import pytest
from sotto_client.addresses import http_url, is_loopback, stream_url


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("http://localhost:8000", "ws://localhost:8000/v1/stream"),
        ("https://sotto.example/", "wss://sotto.example/v1/stream"),
        ("ws://h:1/v1/stream", "ws://h:1/v1/stream"),
        ("wss://h/speech/v1/stream?zone=2", "wss://h/speech/v1/stream?zone=2"),
    ],
)
def test_stream_url(base: str, expected: str) -> None:
    assert stream_url(base) == expected


@pytest.mark.parametrize(
    ("base", "expected"),
    [("ws://h:1/v1/stream", "http://h:1"), ("https://h/", "https://h"), ("http://h/speech", "http://h/speech")],
)
def test_http_url(base: str, expected: str) -> None:
    assert http_url(base) == expected


@pytest.mark.parametrize("base", ["localhost:8000", "ftp://h", "", "http://", "127.0.0.1"])
def test_other_urls_are_rejected(base: str) -> None:
    with pytest.raises(ValueError, match="is not an http"):
        stream_url(base)


@pytest.mark.parametrize(
    ("url", "expected"),
    [("http://127.0.0.2:1", True), ("ws://[::1]:8", True), ("http://localhost", True), ("http://10.0.0.1", False)],
)
def test_loopback(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected
