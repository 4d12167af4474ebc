"""No room, no worker, finals that are late: new work is refused, with a time to come back."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict

import httpx
import pytest
import redis

from service.log.store import Keys
from service.log.workers import WorkerStatus
from tests.e2e.conftest import KEYS, Gateways, until
from tests.e2e.raw_stream import RawStream, connected, started
from tests.e2e.recordings import flac, samples
from tests.e2e.scrape import scrape, total

CLIP = "human-en-conf-invalid"


async def refusal(stream: RawStream) -> tuple[str, int | None]:
    """Code of the one error that is answered to `start`, and the close code."""
    await stream.say("start")
    events = await stream.to_the_end()
    assert [event["type"] for event in events] == ["error"]
    return events[0]["code"], stream.close_code


def refused(url: str, route: str) -> tuple[int, str]:
    """Status and code of an upload that is refused for now."""
    reply = httpx.post(f"{url}{route}", files={"file": flac(CLIP)}, timeout=30)
    assert int(reply.headers["Retry-After"]) > 0
    return reply.status_code, reply.json()["error"]["code"]


async def test_a_stream_over_capacity_is_refused_and_the_open_one_goes_on(
    gateways: Gateways, store: "redis.Redis"
) -> None:
    await until(lambda: not store.zcard(KEYS.open_sessions()))
    with gateways(SOTTO_MAX_SESSIONS="1") as url:
        async with started(url, interim=False) as first:
            async with connected(url) as second:
                assert await refusal(second) == ("at_capacity", 1013)
            await first.audio(samples(CLIP))
            await first.say("finish")
            await first.to_the_end()
            assert "conference" in first.of("final")[0]["text"]
        await until(lambda: not store.zcard(KEYS.open_sessions()))
        async with connected(url) as third:
            await third.say("start")
            await third.until("started")
        assert total(scrape(url), "sotto_refusals_total", reason="at_capacity") == 1


@pytest.fixture
def alone(gateways: Gateways) -> Iterator[str]:
    """A gateway for whose model there is no worker."""
    with gateways(SOTTO_MODEL="tiny") as url:
        yield url


async def test_without_a_worker_everything_is_refused_for_now(alone: str) -> None:
    assert refused(alone, "/v1/audio/transcriptions") == (503, "no_workers")
    assert refused(alone, "/v1/jobs") == (503, "no_workers")
    async with connected(alone) as stream:
        assert await refusal(stream) == ("no_workers", 1013)
    assert total(scrape(alone), "sotto_refusals_total") == 3


async def test_new_work_is_refused_while_finals_are_late(gateways: Gateways, store: "redis.Redis") -> None:
    keys = Keys("late")  # a deployment of its own in the same Redis: a worker that claims nothing
    worker = WorkerStatus("w", "base", "cpu", "int8", 1, 1, 1, languages=("en",), at=time.time() + 600)
    store.hset(keys.workers(), worker.id, json.dumps(asdict(worker)))
    store.xadd(keys.turns("base", "final"), {"session": "s_0"}, id="1-1")
    with gateways(SOTTO_KEY_PREFIX="late") as url:
        assert refused(url, "/v1/audio/transcriptions") == (429, "at_capacity")
        async with connected(url) as stream:
            assert await refusal(stream) == ("at_capacity", 1013)
