"""Deepgram's SDK for JavaScript against a real server: live and recorded."""

import json
from collections.abc import Iterator

import pytest

from tests.conftest import DATA
from tests.e2e import node
from tests.e2e.conftest import Gateways
from tests.e2e.recordings import manifest, samples

FOLDER = node.CLIENTS / "deepgram_node"
CLIP, NAME = "human-en-vm-newuser", "Comedien Maille"
KEY = "the-key"
QUERY = {"punctuate": "true", "vad_events": "true", "keyterm": ["Zibbledonk", NAME]}


@pytest.fixture(scope="module")
def locked(gateways: Gateways) -> Iterator[str]:
    node.install(FOLDER)
    with gateways(SOTTO_API_KEYS=KEY) as url:
        yield url


def test_the_sdk_for_javascript_is_served_as_deepgram_serves_it(locked: str) -> None:
    recording = str(DATA / manifest()[CLIP]["audio"])
    pcm = samples(CLIP).tobytes()
    told = node.run("listen.mjs", KEY, locked, recording, json.dumps(QUERY), folder=FOLDER, stdin=pcm)
    started, *results, metadata = told["live"]["messages"]
    assert (started["type"], metadata["type"], told["live"]["code"]) == ("SpeechStarted", "Metadata", 1000)
    assert {result["type"] for result in results} == {"Results"}
    said = " ".join(result["channel"]["alternatives"][0]["transcript"] for result in results)
    assert NAME in said
    assert [result["from_finalize"] for result in results].count(True) == 1
    assert metadata["duration"] == pytest.approx(manifest()[CLIP]["duration"], abs=0.01)
    [channel] = told["recorded"]["results"]["channels"]
    assert channel["alternatives"][0]["transcript"] == manifest()[CLIP]["text"]
