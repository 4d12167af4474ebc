"""What is small on the wire and huge when unpacked costs the gateway next to nothing."""

import contextlib
import gzip
import io
import json
import socket
import tracemalloc

import httpx
import pytest
from websockets.sync.client import connect

from service.audio.container import read_file
from service.audio.stream_decoder import StreamDecoder, StreamFormat
from service.errors import BadAudio, TooLarge
from service.gateway.live_session import FEED_PACKED_BYTES
from service.gateway.rest.bias_form import MAX_FIELDS
from tests.e2e.conftest import Neighbour
from tests.e2e.raw_stream import started
from tests.e2e.recordings import flac
from tests.security import bombs

MIB = 2**20
CLIP = "human-en-conf-invalid"


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_a_flac_stream_of_minutes_in_a_kilobyte_is_refused_before_it_is_resampled(rate: int) -> None:
    decoder = StreamDecoder(StreamFormat("flac"))
    tracemalloc.start()
    try:
        with pytest.raises(BadAudio, match="in a KiB"):
            decoder.feed(bombs.flac(75, rate)[:FEED_PACKED_BYTES])
        assert tracemalloc.get_traced_memory()[1] < 32 * MIB
    finally:
        tracemalloc.stop()


def test_opus_at_its_longest_is_decoded_step_by_step() -> None:
    """Two bytes for 120 ms are within the format: a step of a KiB then holds less than a minute."""
    bomb, decoder = bombs.ogg_opus(2_000), StreamDecoder(StreamFormat("ogg_opus"))
    steps = [len(decoder.feed(bomb[at : at + FEED_PACKED_BYTES])) for at in range(0, len(bomb), FEED_PACKED_BYTES)]
    assert sum(steps) > 200 * 16_000
    assert max(steps) < 60 * 16_000


def test_a_file_of_hours_in_kilobytes_is_too_large_as_soon_as_it_is() -> None:
    heard: list[int] = []
    chunks = read_file(io.BytesIO(bombs.flac(100, 8_000)), max_seconds=20)
    with pytest.raises(TooLarge) as refused:
        heard.extend(map(len, chunks))
    assert refused.value.field == "file"
    assert sum(heard) <= 20 * 16_000


async def test_a_bomb_on_a_socket_harms_nobody(live_server: str, neighbour: Neighbour) -> None:
    async with neighbour(), started(live_server, format={"encoding": "flac"}) as stream:
        await stream.audio(bombs.flac(150, 8_000))
        assert (await stream.to_the_end())[-1]["code"] == "invalid_audio"
        assert stream.close_code == 1008


def test_compressed_bodies_are_not_unpacked(api: httpx.Client) -> None:
    bomb, headers = gzip.compress(bytes(64 * MIB)), {"Content-Encoding": "gzip"}
    assert api.post("/v1/listen", content=bomb, headers=headers).status_code == 400
    reply = api.put("/v1/bias-lists/bomb", content=bomb, headers=headers | {"Content-Type": "application/json"})
    assert reply.status_code == 400
    reply = api.post("/v1/audio/transcriptions", files={"file": ("a.gz", gzip.compress(flac(CLIP)))}, headers=headers)
    assert reply.json()["error"]["param"] == "file"


def test_compression_of_frames_is_not_negotiated(live_server: str) -> None:
    with connect(live_server.replace("http", "ws", 1) + "/v1/stream", compression="deflate", proxy=None) as stream:
        assert stream.protocol.extensions == []


@pytest.mark.parametrize("bomb", ["[" * 100_000, '{"type":' * 50_000, '{"type":"start","keywords":' + "[" * 10_000])
def test_deep_json_is_an_error_on_every_socket(live_server: str, bomb: str) -> None:
    for path in ("/v1/stream", "/v1/realtime?intent=transcription", "/v1/listen?encoding=linear16&sample_rate=16000"):
        with connect(live_server.replace("http", "ws", 1) + path, proxy=None) as stream:
            stream.send(bomb)
            while "rror" not in json.loads(stream.recv(60))["type"]:
                pass


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 100_000, "[" + "0," * 500_000 + "0]"])
def test_deep_and_wide_json_is_a_bad_request(api: httpx.Client, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    for method, path in (
        ("PUT", "/v1/bias-lists/deep"),
        ("POST", "/v1/listen"),
        ("POST", "/v1/realtime/client_secrets"),
        ("POST", "/v1/admin/keys"),
    ):
        assert 400 <= api.request(method, path, content=body, headers=headers).status_code < 500, path


@pytest.mark.parametrize("kind", ["files", "fields", "a huge field"])
def test_a_flood_of_parts_is_a_bad_request(api: httpx.Client, kind: str) -> None:
    files = [("file", ("a.flac", flac(CLIP)))]
    data = {"prompt": "x" * 2 * MIB} if kind == "a huge field" else {}
    if kind == "files":
        files += [(f"file{number}", ("a", b"")) for number in range(2_000)]
    elif kind == "fields":
        data = {f"field{number}": "x" for number in range(MAX_FIELDS + 1)}
    reply = api.post("/v1/audio/transcriptions", files=files, data=data)
    assert reply.status_code == 400
    assert reply.json()["error"]["message"]


def test_a_flood_of_headers_is_refused(live_server: str) -> None:
    address = httpx.URL(live_server)
    with socket.create_connection((address.host, address.port), timeout=60) as raw:
        answer = b""
        with contextlib.suppress(ConnectionError):  # it is cut off while it sends
            raw.sendall(b"GET /healthz HTTP/1.1\r\n" + b"X-Flood: " + b"x" * 8 * MIB)
            answer = raw.recv(65_536)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert httpx.get(f"{live_server}/healthz", timeout=60).status_code == 200
