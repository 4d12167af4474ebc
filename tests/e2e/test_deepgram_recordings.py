"""Deepgram's SDK on recordings: bodies and URLs, fields, channels, refusals."""

import contextlib
import hashlib
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import pytest
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.types import ListenV1Response

from tests.e2e import garbage
from tests.e2e.conftest import Gateways
from tests.e2e.deepgram_clients import async_client, sync_client
from tests.e2e.recordings import error_rate, flac, samples
from tests.unit.audio.encoded import encode_channels, wav

CLIP, OTHER = "human-en-conf-invalid", "human-en-vm-newpassword"
SPOKEN = "That is not a valid conference number. Please try again."
NAMED, NAME, HEARD = "human-en-vm-newuser", "Comedien Maille", "Comedian Mail"
WORST_ERROR_RATE = 0.2
ROUTE = "/v1/listen"


def transcribed(url: str, recording: bytes, **query: Any) -> ListenV1Response:
    answer = sync_client(url).listen.v1.media.transcribe_file(request=recording, **({"model": "nova-3"} | query))
    assert isinstance(answer, ListenV1Response)
    return answer


def alternative(answer: ListenV1Response, channel: int = 0) -> Any:
    [found] = answer.results.channels[channel].alternatives or []
    return found


def test_a_recording_is_answered_with_every_field(live_server: str) -> None:
    recording = flac("demo")
    answer = transcribed(live_server, recording, smart_format=True, tag=["a", "b"], extra="call:42")
    metadata = answer.metadata
    assert metadata.sha256 == hashlib.sha256(recording).hexdigest()
    assert (metadata.duration, metadata.channels) == (pytest.approx(31.23, abs=0.01), 1)
    assert (metadata.transaction_key, metadata.tags) == ("deprecated", ["a", "b"])
    assert metadata.extra == {"call": "42"}  # type: ignore[attr-defined]
    assert metadata.model_info == {metadata.models[0]: {"name": "base", "version": "0.1.0", "arch": "whisper"}}
    assert uuid.UUID(metadata.request_id)
    told = alternative(answer)
    assert error_rate("demo", told.transcript) <= WORST_ERROR_RATE
    assert [word.punctuated_word for word in told.words] == told.transcript.split()
    assert told.confidence == pytest.approx(np.mean([word.confidence for word in told.words]), abs=1e-3)
    assert all(before.start <= before.end <= after.start + 0.01 for before, after in pairwise(told.words))
    assert answer.results.channels[0].detected_language is None
    assert answer.results.utterances is None


async def test_the_async_client_hears_the_same(live_server: str) -> None:
    client: AsyncDeepgramClient = async_client(live_server)
    plain = await client.listen.v1.media.transcribe_file(request=flac(CLIP), model="nova-2", language="en-US")
    assert isinstance(plain, ListenV1Response)
    assert alternative(plain).transcript == "that is not a valid conference number please try again"


def test_paragraphs_hold_every_word(live_server: str) -> None:
    told = alternative(transcribed(live_server, flac("demo"), paragraphs=True))
    paragraphs = told.paragraphs.paragraphs
    assert sum(each.num_words for each in paragraphs) == len(told.words)
    assert told.paragraphs.transcript.split() == told.transcript.split()
    for each in paragraphs:
        assert each.sentences[0].start == each.start < each.end == each.sentences[-1].end


def test_utterances_are_split_at_pauses(live_server: str) -> None:
    whole = np.concatenate([samples(CLIP), np.zeros(24_000, np.int16), samples(OTHER)])
    answer = transcribed(live_server, wav(whole), utterances=True, punctuate=True)
    utterances = answer.results.utterances or []
    assert len(utterances) >= 2
    assert " ".join(each.transcript or "" for each in utterances) == alternative(answer).transcript
    assert {each.channel for each in utterances} == {0}
    assert all(each.end + 0.8 <= after.start for each, after in pairwise(utterances))  # type: ignore[operator]
    assert len(transcribed(live_server, wav(whole), utterances=True, utt_split=30).results.utterances or []) == 1


def test_channels_are_transcribed_apart(live_server: str) -> None:
    one, other = samples(CLIP), samples(OTHER)
    size = max(len(one), len(other))
    voices = [np.pad(voice, (0, size - len(voice))) for voice in (one, other)]
    stereo = encode_channels(voices, "flac", "flac", 16_000, "stereo")
    answer = transcribed(live_server, stereo, multichannel=True, utterances=True, punctuate=True)
    assert answer.metadata.channels == 2
    assert alternative(answer, 0).transcript == SPOKEN
    assert "pound key" in alternative(answer, 1).transcript
    assert {each.channel for each in answer.results.utterances or []} == {0, 1}


def test_languages_are_taken_detected_and_told(live_server: str) -> None:
    recording = flac("human-es-conf-invalid")
    for query in ({"language": "es-419"}, {"detect_language": True}, {"language": "multi", "language_hint": ["es"]}):
        answer = transcribed(live_server, recording, punctuate=True, **query)
        assert error_rate("human-es-conf-invalid", alternative(answer).transcript) <= WORST_ERROR_RATE
        assert answer.results.channels[0].detected_language == ("es" if "detect_language" in query else None)
        several = (["es"], ["es"]) if query.get("language") == "multi" else (None, None)
        assert (alternative(answer).languages, alternative(answer).languages_hinted) == several


def test_keyterms_and_keywords_change_what_is_written(live_server: str) -> None:
    assert HEARD in alternative(transcribed(live_server, flac(NAMED), punctuate=True)).transcript
    for query in ({"keyterm": ["Zibbledonk", NAME]}, {"keywords": f"{NAME}:1.5", "model": "nova-2"}):
        assert NAME in alternative(transcribed(live_server, flac(NAMED), punctuate=True, **query)).transcript


@pytest.mark.parametrize("as_container", [False, True])
def test_bare_samples_are_told_by_the_query_and_containers_by_themselves(live_server: str, as_container: bool) -> None:
    audio = samples(CLIP)
    answer = httpx.post(
        f"{live_server}{ROUTE}?encoding=linear16&sample_rate=16000&punctuate=true",
        content=wav(audio) if as_container else audio.tobytes(),
        headers={"Content-Type": "audio/raw"},
        timeout=120,
    )
    assert answer.headers["dg-request-id"] == answer.json()["metadata"]["request_id"]
    assert answer.json()["results"]["channels"][0]["alternatives"][0]["transcript"] == SPOKEN


@pytest.mark.parametrize(
    ("query", "body", "headers", "status", "code"),
    [
        ("", b"", {}, 400, "Bad Request"),
        ("", b"This is no audio at all.", {}, 400, "Bad Request"),
        ("", flac(CLIP)[:60], {}, 400, "Bad Request"),
        ("model=nova-9", b"", {}, 400, "Bad Request"),
        ("language=tlh", b"", {}, 400, "Bad Request"),
        ("punctuate=perhaps", b"", {}, 400, "Bad Request"),
        ("utt_split=0", b"", {}, 400, "Bad Request"),
        ("callback=https%3A%2F%2Fexample.com", flac(CLIP), {}, 400, "Bad Request"),
        ("redact=ssn", flac(CLIP), {}, 400, "Bad Request"),
        ("encoding=linear16", b"1234", {}, 400, "Bad Request"),
        ("", b"{", {"Content-Type": "application/json"}, 400, "REMOTE_CONTENT_ERROR"),
        ("", b"[]", {"Content-Type": "application/json"}, 400, "REMOTE_CONTENT_ERROR"),
        ("", b'{"url": 7}', {"Content-Type": "application/json"}, 400, "REMOTE_CONTENT_ERROR"),
        ("", b'{"url": "https://example.com"}', {"Content-Type": "application/json"}, 400, "REMOTE_CONTENT_ERROR"),
        ("", b" " * 100_000, {"Content-Type": "application/json"}, 413, "PAYLOAD_TOO_LARGE"),
    ],
)
def test_what_cannot_be_done_is_refused_in_deepgrams_shape(
    live_server: str, query: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    reply = httpx.post(f"{live_server}{ROUTE}?{query}", content=body, headers=headers, timeout=60)
    assert (reply.status_code, reply.json()["err_code"]) == (status, code), reply.text
    assert reply.json().keys() == {"err_code", "err_msg", "request_id"}
    assert reply.headers["dg-error"] == reply.json()["err_msg"]


def test_garbage_is_refused_or_transcribed_and_fails_nothing(live_server: str) -> None:
    with httpx.Client(base_url=live_server, timeout=120) as client:
        for name, upload in garbage.uploads().items():
            reply = client.post(ROUTE, content=upload)
            assert reply.status_code in (200, 400, 413), f"{name}: {reply.text}"
            assert ("err_msg" in reply.json()) == (reply.status_code != 200)


def test_recordings_that_are_too_large_are_refused(gateways: Gateways) -> None:
    with gateways(SOTTO_MAX_UPLOAD_MB="1") as url:
        for content in (b"0" * 2_000_000, (b"0" * 100_000 for _ in range(20))):
            reply = httpx.post(f"{url}{ROUTE}", content=content, timeout=60)
            assert (reply.status_code, reply.json()["err_code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    """Serves a recording at /speech, and what leads elsewhere or nowhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, location, body = 200, None, flac(CLIP)
            match self.path.strip("/").split("/"):
                case ["again", times]:
                    following = f"/again/{int(times) - 1}" if int(times) > 1 else "/speech"
                    status, location, body = 302, following, b""
                case ["elsewhere"]:
                    port = self.server.server_address[1]
                    status, location, body = 307, f"http://localhost:{port}/speech", b""
                case ["endless"]:
                    body = b"0" * 3_000_000
                case [name] if name != "speech":
                    status, body = 404, b"no such thing"
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def fetching(gateways: Gateways) -> Iterator[str]:
    allowed = {"SOTTO_LISTEN_URL_ALLOW": "*.example.com, 127.0.0.*", "SOTTO_LISTEN_URL_ALLOW_PRIVATE": "1"}
    with gateways(SOTTO_MAX_UPLOAD_MB="1", **allowed) as url:
        yield url


@pytest.mark.parametrize("path", ["speech", "again/3"])
def test_a_recording_is_fetched_where_settings_allow(fetching: str, host: str, path: str) -> None:
    answer = sync_client(fetching).listen.v1.media.transcribe_url(url=f"{host}/{path}", model="nova-3", punctuate=True)
    assert isinstance(answer, ListenV1Response)
    assert alternative(answer).transcript == SPOKEN
    assert answer.metadata.sha256 == hashlib.sha256(flac(CLIP)).hexdigest()


@pytest.mark.parametrize(
    ("path", "status", "code", "said"),
    [
        ("missing", 400, "REMOTE_CONTENT_ERROR", "404"),
        ("again/4", 400, "REMOTE_CONTENT_ERROR", "redirects"),
        ("elsewhere", 400, "REMOTE_CONTENT_ERROR", "not fetched from localhost"),
        ("endless", 413, "PAYLOAD_TOO_LARGE", "larger than 1 MiB"),
    ],
)
def test_what_does_not_lead_to_a_recording_is_told(
    fetching: str, host: str, path: str, status: int, code: str, said: str
) -> None:
    with pytest.raises(ApiError) as refused:
        sync_client(fetching).listen.v1.media.transcribe_url(url=f"{host}/{path}")
    assert (refused.value.status_code, refused.value.body["err_code"]) == (status, code)
    assert said in refused.value.body["err_msg"]


def test_hosts_that_settings_do_not_name_are_refused(fetching: str) -> None:
    for url in (
        "http://169.254.169.254/latest",
        "https://example.org/a.wav",
        "file:///etc/passwd",
        "http://[::1]/",
    ):
        with pytest.raises(ApiError) as refused:
            sync_client(fetching).listen.v1.media.transcribe_url(url=url)
        assert refused.value.status_code == 400


def test_nothing_is_fetched_unless_settings_allow_it(live_server: str, host: str) -> None:
    with pytest.raises(ApiError) as refused:
        sync_client(live_server).listen.v1.media.transcribe_url(url=f"{host}/speech")
    assert "SOTTO_LISTEN_URL_ALLOW" in refused.value.body["err_msg"]


def test_private_addresses_are_refused_whatever_their_name(gateways: Gateways, host: str) -> None:
    port = httpx.URL(host).port
    with gateways(SOTTO_LISTEN_URL_ALLOW="*") as url:
        for name in ("127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]", "127.1", "2130706433"):
            with pytest.raises(ApiError) as refused:
                sync_client(url).listen.v1.media.transcribe_url(url=f"http://{name}:{port}/speech")
            assert "private address" in refused.value.body["err_msg"], name
