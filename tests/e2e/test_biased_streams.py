"""Keywords and lists on `/v1/stream`: what is told, what is kept, what is refused."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from service.biasing.entries import MAX_CHARACTERS, MAX_ENTRIES
from tests.e2e.raw_stream import RawStream, connected, started
from tests.e2e.test_bad_messages import refusal

LISTS = "/v1/bias-lists"


@pytest.fixture
async def rest(live_server: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=live_server, timeout=60) as client:
        yield client


async def configured(stream: RawStream, **fields: Any) -> dict[str, Any]:
    """What a `configure` is answered."""
    await stream.say("configure", **fields)
    return await stream.until("configured")


async def test_started_and_configured_tell_what_counts(live_server: str, rest: httpx.AsyncClient) -> None:
    version = (await rest.put(f"{LISTS}/streamed", json=["Dior", "Fendi"])).json()["version"]
    async with started(live_server, keywords=["Loewe", "🍷", 7], bias_lists=["streamed"]) as stream:
        told = stream.seen[0]["bias"]
        assert (told["entries"], told["strength"], told["rejected_total"]) == (3, 1.0, 2)
        assert told["lists"] == [{"name": "streamed", "version": version, "entries": 2}]
        assert [(each["index"], each["reason"]) for each in told["rejected"]] == [
            (1, "no_pronunciation"),
            (2, "invalid"),
        ]
        assert "bias" not in await configured(stream, interim=False)
        stronger = (await configured(stream, bias_strength=2))["bias"]
        assert (stronger["entries"], stronger["strength"], stronger["rejected_total"]) == (3, 2.0, 0)
        other = (await configured(stream, keywords=[{"phrase": "Chloé", "boost": 2}, "Etro"]))["bias"]
        assert (other["entries"], other["strength"]) == (4, 2.0)
        assert (await configured(stream, keywords=[], bias_lists=[]))["bias"]["entries"] == 0


async def test_a_stream_holds_its_versions_until_it_names_lists_again(
    live_server: str, rest: httpx.AsyncClient
) -> None:
    version = (await rest.put(f"{LISTS}/held", json=["Dior"])).json()["version"]
    async with started(live_server, bias_lists=["held"]) as stream:
        await rest.put(f"{LISTS}/held", json=["Dior", "Fendi"])
        begun = stream.seen[0]
        async with connected(live_server) as again:
            resume = {name: begun[name] for name in ("session", "resume_token")}
            await again.say("resume", **resume, last_seq=begun["seq"])
            await again.until("resumed")
            kept = (await configured(again, bias_strength=1.5))["bias"]["lists"]
            assert kept == [{"name": "held", "version": version, "entries": 1}]
            await rest.delete(f"{LISTS}/held")
            assert (await configured(again, keywords=["Loewe"]))["bias"]["entries"] == 2
            await again.say("configure", bias_lists=["held"])
            assert await refusal(again) == ("bias_list_not_found", "bias_lists", 1008)


async def test_ten_thousand_long_keywords_fit_into_a_message_and_one_more_is_refused(live_server: str) -> None:
    keywords = [f"{i:06}".rjust(MAX_CHARACTERS, "x") for i in range(MAX_ENTRIES)]
    async with started(live_server, keywords=keywords) as stream:
        assert stream.seen[0]["bias"]["entries"] == MAX_ENTRIES
        cyrillic = [f"Александр Константинович {i}" for i in range(MAX_ENTRIES)]
        assert (await configured(stream, keywords=cyrillic))["bias"]["entries"] == MAX_ENTRIES
        await stream.say("configure", keywords=[*cyrillic, "x"])
        assert await refusal(stream) == ("too_many_entries", "keywords", 1008)


@pytest.mark.parametrize("kind", ["start", "configure"])
@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"bias_lists": ["no-such-list"]}, "bias_list_not_found", "bias_lists"),
        ({"bias_lists": ["No Such List"]}, "invalid_request", "bias_lists"),
        ({"bias_lists": "brands"}, "invalid_request", "bias_lists"),
        ({"bias_lists": [7]}, "invalid_request", "bias_lists.0"),
        ({"keywords": "Loewe"}, "invalid_request", "keywords"),
        ({"keywords": None}, "invalid_request", "keywords"),
        ({"bias_strength": 2.1}, "invalid_request", "bias_strength"),
        ({"bias_strength": "strong"}, "invalid_request", "bias_strength"),
        ({"bias_strength": float("nan")}, "invalid_request", "bias_strength"),
    ],
)
async def test_what_cannot_be_done_names_the_field(
    live_server: str, kind: str, fields: dict[str, Any], code: str, field: str
) -> None:
    if kind == "start":
        async with connected(live_server) as stream:
            await stream.say("start", **fields)
            assert await refusal(stream) == (code, field, 1008)
    else:
        async with started(live_server) as stream:
            await stream.say("configure", **fields)
            assert await refusal(stream) == (code, field, 1008)
