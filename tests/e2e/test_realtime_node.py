"""`/v1/realtime` by OpenAI's Node SDK, which speaks TLS only, so also: a gateway with a certificate of its own."""

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trustme

from loadtest.accuracy import normalise
from service.audio.stream_decoder import StreamFormat
from service.transcript import SAMPLE_RATE
from tests.e2e import node
from tests.e2e.conftest import Gateways
from tests.e2e.recordings import manifest, samples
from tests.unit.audio.encoded import stream

TRANSCRIPTION = "conversation.item.input_audio_transcription"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secure_url(gateways: Gateways, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("tls")
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with gateways(trust=trust, SOTTO_TLS_CERT=str(folder / "server.pem")) as url:
        assert url.startswith("https://")
        yield url


def told(url: str, authority: trustme.CA, folder: Path, session: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """The events that the SDK got for the first two sentences of the demo."""
    node.install()
    speech = np.concatenate([samples("demo")[: 10 * SAMPLE_RATE], np.zeros(SAMPLE_RATE, np.int16)])
    (folder / "speech.pcm").write_bytes(stream(speech, StreamFormat("pcm_s16le", 24_000))[0])
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    arguments = (f"{url}/v1", "any", str(folder / "speech.pcm"), json.dumps(session), str(count))
    trusted = {"NODE_EXTRA_CA_CERTS": str(folder / "authority.pem")}
    events: list[dict[str, Any]] = node.run("realtime.mjs", *arguments, environment=trusted)
    return events


@pytest.mark.parametrize(("turn_detection", "count"), [({"type": "server_vad"}, 2), (None, 1)])
def test_the_node_sdk_gets_items_in_order(
    secure_url: str, authority: trustme.CA, tmp_path: Path, turn_detection: dict[str, Any] | None, count: int
) -> None:
    given = {"transcription": {"model": "whisper-1", "language": "en"}, "turn_detection": turn_detection}
    session = {"type": "transcription", "audio": {"input": given}}
    events = told(secure_url, authority, tmp_path, session, count)
    assert [event["type"] for event in events[:2]] == ["session.created", "session.updated"]
    texts = [event["transcript"] for event in events if event["type"] == f"{TRANSCRIPTION}.completed"]
    spoken = [segment["text"] for segment in manifest()["demo"]["segments"][:2]]
    assert len(texts) == count
    assert normalise(" ".join(texts)) == normalise(" ".join(spoken))
    committed = [event["item_id"] for event in events if event["type"] == "input_audio_buffer.committed"]
    completed = [event["item_id"] for event in events if event["type"] == f"{TRANSCRIPTION}.completed"]
    assert completed == committed[:count]
