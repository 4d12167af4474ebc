"""Coming back to a stream: what is missed, what is refused, who wins."""

import json

import pytest
import redis

from tests.e2e.conftest import KEYS, until
from tests.e2e.raw_stream import RawStream, connected, started
from tests.e2e.recordings import samples

SPEECH = samples("demo")[: 21 * 8_000]  # 10.5 s: two utterances and the silence behind them


async def resume(stream: RawStream, begun: dict[str, str], last_seq: int, **changed: str) -> None:
    known = {"session": begun["session"], "resume_token": begun["resume_token"]}
    await stream.say("resume", **(known | changed), last_seq=last_seq)


async def refusal(stream: RawStream) -> tuple[str, str | None, int | None]:
    """Code and field of the one error, and the close code."""
    errors = [event for event in await stream.to_the_end() if event["type"] == "error"]
    assert len(errors) == 1
    return errors[0]["code"], errors[0]["field"], stream.close_code


async def test_a_wrong_token_and_an_unknown_session_are_refused(live_server: str) -> None:
    async with started(live_server) as stream:
        session = stream.seen[0]
        async with connected(live_server) as thief:
            await resume(thief, session, 1, resume_token="guessed")
            assert await refusal(thief) == ("unauthorized", "resume_token", 1008)
        async with connected(live_server) as lost:
            await resume(lost, session, 1, session="s_0")
            assert await refusal(lost) == ("not_found", "session", 1008)
        await stream.say("ping", id="still here")
        assert (await stream.until("pong"))["id"] == "still here"


async def test_a_resume_wins_over_the_connection_that_is_still_open(live_server: str, healthy_texts: list[str]) -> None:
    half = len(SPEECH) // 2
    async with started(live_server) as former:
        await former.audio(SPEECH[:half])
        async with connected(live_server) as latter:
            await resume(latter, former.seen[0], 1)
            safe = (await latter.until("resumed"))["bytes"]
            assert await refusal(former) == ("conflict", "session", 1008)
            await latter.audio(SPEECH.tobytes()[safe:])
            await latter.say("finish")
            await latter.to_the_end()
    assert [final["text"] for final in latter.of("final")] == healthy_texts
    assert latter.close_code == 1000


@pytest.mark.parametrize("last", ["first final", "started"])
async def test_what_was_missed_comes_even_when_the_stream_has_finished(
    live_server: str, store: "redis.Redis", healthy_texts: list[str], last: str
) -> None:
    async with started(live_server) as stream:
        await stream.audio(SPEECH)
        await stream.say("finish")
        session = stream.seen[0]
        seen = await stream.until("final") if last == "first final" else session
        await until(lambda: store.hexists(KEYS.state(session["session"]), "finishing"))
    events = KEYS.events(session["session"])
    await until(lambda: json.loads(store.xrevrange(events, count=1)[0][1][b"event"])["type"] == "finished")
    async with connected(live_server) as again:
        await resume(again, session, seen["seq"])
        await again.to_the_end()
    missed = healthy_texts[1:] if last == "first final" else healthy_texts
    assert [final["text"] for final in again.of("final")] == missed
    assert again.seen[-1]["type"] == "finished"
    assert not again.of("resumed")
    assert all(event["seq"] > seen["seq"] for event in again.seen)
    assert again.close_code == 1000


async def test_an_event_that_never_was_cannot_be_the_last_one_seen(live_server: str) -> None:
    async with started(live_server) as stream, connected(live_server) as again:
        await resume(again, stream.seen[0], 10_000)
        assert await refusal(again) == ("invalid_request", "last_seq", 1008)
