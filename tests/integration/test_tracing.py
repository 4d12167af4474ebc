"""One trace per utterance, from real gateway and worker processes to a collector on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sotto_client import AudioFormat, Final, SottoClient, Stream, StreamOptions

from tests.conftest import DATA
from tests.integration.conftest import speech
from tests.integration.otlp_collector import Collected, collector
from tests.stack import Stack

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra `otel` is not installed")
pytestmark = pytest.mark.slow

RECORDING = "human-en-vm-mismatch.flac"  # one utterance


@pytest.fixture
def traced(base_model_dir: Path, tmp_path: Path) -> Iterator[tuple[Stack, str, list[Collected]]]:
    """A gateway and a worker that send their spans when they end, the gateway's address, and what was sent."""
    with collector() as (endpoint, spans):
        stack = Stack(tmp_path, SOTTO_OTEL_ENDPOINT=endpoint, SOTTO_DECODE_THREADS="1")
        try:
            _, url = stack.gateway()
            stack.worker()
            stack.ready(url)
            yield stack, url, spans
        finally:
            stack.close()


async def dictated(url: str) -> list[Final]:
    async with Stream(url, StreamOptions(AudioFormat("pcm_s16le", 16_000, 1), language="en")) as stream:
        await stream.send_audio(speech(RECORDING))
        await stream.finish()
        return [event async for event in stream if isinstance(event, Final)]


async def test_a_streams_utterances_and_a_recordings_are_one_trace_each(
    traced: tuple[Stack, str, list[Collected]],
) -> None:
    stack, url, spans = traced
    finals = await dictated(url)
    with SottoClient(url) as client:
        client.transcribe_as("text", DATA / RECORDING, language="en")
    for process in stack.processes:
        process.terminate()

    roots = {span.trace: span for span in spans if span.name == "utterance"}
    of_stream = [root for root in roots.values() if str(root.attributes["session"]).startswith("s_")]
    of_recording = [root for root in roots.values() if str(root.attributes["session"]).startswith("r_")]
    assert len(of_stream) == len(finals) > 0
    assert of_recording
    assert len(of_stream) + len(of_recording) == len(roots), "readiness asks for turns too, without a trace"
    for root in roots.values():
        assert_one_whole_trace(root, [span for span in spans if span.trace == root.trace])
    assert {span.trace for span in spans} == set(roots)


def assert_one_whole_trace(root: Collected, spans: list[Collected]) -> None:
    """Every step is there, each below the step that asked for it, in the order in which they happen."""
    by_id = {span.id: span for span in spans}
    parents = {(span.name, by_id[span.parent].name) for span in spans if span is not root}
    assert {name for name, _ in parents} >= {"append", "enqueue", "queued", "load", "decode", "publish", "relay"}
    assert parents <= {
        *((name, "utterance") for name in ("append", "enqueue", "relay")),
        *((name, "enqueue") for name in ("queued", "load", "decode", "publish")),
    }
    assert root.parent == ""
    assert {span.service for span in spans} == {"sotto-gateway", "sotto-worker"}
    [final] = [span for span in spans if span.name == "relay" and span.attributes["event"] == "final"]
    assert root.start_ns <= final.start_ns <= final.end_ns <= root.end_ns
    for turn in (span for span in spans if span.name == "enqueue"):
        steps = [span for span in spans if span.parent == turn.id]
        ends = {span.name: span.end_ns for span in steps}
        order = [name for name in ("queued", "load", "decode", "publish") if name in ends]
        assert order == sorted(order, key=lambda name: ends[name])
    decode = next(span for span in spans if span.name == "decode")
    assert decode.attributes["encode_s"] > 0
    assert decode.attributes["generate_s"] > 0
    assert decode.attributes["second_pass"] is False
    assert decode.attributes["batch_size"] >= 1
