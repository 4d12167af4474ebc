"""The TypeScript client against a real server: the same finals as the Python client's, field by field."""

import asyncio
from dataclasses import asdict
from typing import Any

import pytest
from sotto_client import Final, Stream, StreamOptions

from tests.browser.conftest import StreamFile
from tests.contract.cutting_proxy import CuttingProxy
from tests.e2e.conftest import Gateways, until
from tests.e2e.recordings import samples

pytestmark = pytest.mark.slow

SPEECH = samples("demo")[: 21 * 8_000].tobytes()  # 10.5 s: two utterances and the silence behind them
OPTIONS = {
    "language": "en",
    "bias_lists": [],
    "keywords": ["your party", {"phrase": "Loewe", "sounds_like": ["lo eh veh"]}],
}
IN_TYPESCRIPT = {"options": {"format": {"encoding": "pcm_s16le", "sample_rate": 16_000}, **OPTIONS}}


def comparable(final: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from session to session."""
    number = final["id"].rpartition(".")[2]
    return {"number": number} | {name: final[name] for name in ("text", "start", "end", "language", "words", "bias")}


@pytest.fixture
async def python_finals(live_server: str) -> list[dict[str, Any]]:
    async with Stream(live_server, StreamOptions(**OPTIONS)) as stream:
        await stream.send_audio(SPEECH)
        await stream.finish()
        finals = [asdict(event) async for event in stream if isinstance(event, Final)]
    for final in finals:
        final["words"], final["bias"] = list(final["words"]), list(final["bias"])
    assert len(finals) == 2
    return [comparable(final) for final in finals]


def finals_of(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [comparable(event) for event in events if event.get("type") == "final"]


async def test_events_are_those_of_the_python_client(
    live_server: str, stream_file: StreamFile, python_finals: list[dict[str, Any]]
) -> None:
    events = await stream_file(SPEECH, live_server, **IN_TYPESCRIPT)
    assert finals_of(events) == python_finals
    assert python_finals[0]["bias"][0]["phrase"] == "your party"
    kinds = [event["type"] for event in events]
    assert kinds[0] == "started"
    assert kinds[-1] == "finished"
    assert kinds.count("speech_started") == kinds.count("speech_ended") == 2


async def test_finals_are_the_same_over_a_connection_that_is_cut(
    live_server: str, stream_file: StreamFile, python_finals: list[dict[str, Any]]
) -> None:
    proxy = CuttingProxy(live_server)
    async with proxy.running() as url:
        streaming = asyncio.create_task(stream_file(SPEECH, url, paceMs=5, **IN_TYPESCRIPT))
        await until(lambda: proxy.passed > len(SPEECH) // 2)
        proxy.cut()
        events = await streaming
    assert finals_of(events) == python_finals
    assert "resumed" in [event["type"] for event in events]


async def test_key_travels_as_a_subprotocol(gateways: Gateways, stream_file: StreamFile) -> None:
    with gateways(SOTTO_API_KEYS="right-key") as url:
        events = await stream_file(SPEECH[:32_000], url, apiKey="right-key")
        assert events[-1]["type"] == "finished"
        [refused] = await stream_file(SPEECH[:32_000], url, apiKey="wrong-key")
        assert refused["failed"]["code"] == "unauthorized"
        [missing] = await stream_file(SPEECH[:32_000], url)
        assert missing["failed"]["code"] == "unauthorized"
