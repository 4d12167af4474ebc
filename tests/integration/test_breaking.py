"""What is promised is broken on purpose: real processes, real Valkey, real speech."""

import asyncio
import signal
from collections.abc import Callable

import redis
from sotto_client import Acknowledged, Finished, Problem, Started, Stream, StreamOptions

from service.log.store import Keys
from tests.integration.conftest import CHUNK, dictating
from tests.stack import Stack

KEYS = Keys("sotto")


async def until(condition: Callable[[], object]) -> None:
    """Polls until it holds."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # what happens in another process sets no event here
            await asyncio.sleep(0.02)


def assert_in_order(seqs: list[int]) -> None:
    assert seqs == sorted(set(seqs)), "events repeated or out of order"


async def test_a_worker_killed_mid_batch_loses_nothing(
    stack: Stack, demo_speech: bytes, undisturbed: list[str]
) -> None:
    _, url = stack.gateway()
    first = stack.worker()
    stack.ready(url)
    store = redis.Redis.from_url(stack.redis.url)
    async with dictating(url, demo_speech) as dictation:
        await dictation.until_finals(1)
        await until(lambda: store.xpending(KEYS.turns("base", "partial"), "workers")["pending"])
        first.kill()
        stack.worker()
        assert await dictation.done() == undisturbed
        assert_in_order(dictation.seqs)


async def test_a_gateway_killed_mid_stream_is_resumed_on_another(
    stack: Stack, demo_speech: bytes, undisturbed: list[str]
) -> None:
    first, one = stack.gateway()
    _, two = stack.gateway()
    stack.worker()
    stack.ready(one)
    async with dictating([one, two], demo_speech) as dictation:
        await dictation.until_finals(1)
        first.kill()
        assert await dictation.done() == undisturbed
        assert_in_order(dictation.seqs)


async def test_a_gateway_that_drains_hands_its_streams_over(
    stack: Stack, demo_speech: bytes, undisturbed: list[str]
) -> None:
    first, one = stack.gateway()
    _, two = stack.gateway()
    stack.worker()
    stack.ready(one)
    async with dictating([one, two], demo_speech) as dictation:
        await dictation.until_finals(1)
        assert await asyncio.to_thread(first.terminate) == 0
        assert await dictation.done() == undisturbed
        assert_in_order(dictation.seqs)


async def test_valkey_killed_and_started_again_keeps_what_was_acknowledged(
    stack: Stack, demo_speech: bytes, undisturbed: list[str]
) -> None:
    _, url = stack.gateway()
    stack.worker()
    stack.ready(url)
    async with dictating(url, demo_speech) as dictation:
        await dictation.until_finals(2)
        stack.redis.kill()
        await asyncio.to_thread(stack.redis.start)
        assert await dictation.done() == undisturbed
        assert_in_order(dictation.seqs)


async def test_a_worker_that_stalls_past_its_claim_cannot_publish(
    stack: Stack, demo_speech: bytes, undisturbed: list[str]
) -> None:
    _, url = stack.gateway()
    stalled = stack.worker()
    stack.ready(url)
    store = redis.Redis.from_url(stack.redis.url)
    async with dictating(url, demo_speech) as dictation:
        await dictation.until_finals(1)
        await until(lambda: store.xpending(KEYS.turns("base", "partial"), "workers")["pending"])
        stalled.signal(signal.SIGSTOP)
        stack.worker()
        await dictation.until_finals(3)
        stalled.signal(signal.SIGCONT)
        assert await dictation.done() == undisturbed
        assert_in_order(dictation.seqs)


async def test_a_turn_that_cannot_be_decoded_is_answered_and_hurts_nobody(
    stack: Stack, demo_speech: bytes, undisturbed: list[str]
) -> None:
    _, url = stack.gateway()
    stack.worker()
    stack.ready(url)
    store = redis.Redis.from_url(stack.redis.url)
    async with dictating(url, demo_speech) as healthy:
        async with Stream(url, StreamOptions(language="en", interim=False)) as poisoned:
            started = await anext(poisoned)
            assert isinstance(started, Started)
            sent = 4 * 32_000  # inside the first utterance
            for at in range(0, sent, CHUNK):
                await poisoned.send_audio(demo_speech[at : at + CHUNK])
            async for event in poisoned:
                if isinstance(event, Acknowledged) and event.bytes == sent:
                    break
            audio = KEYS.audio(started.session)
            entries = store.xrange(audio)
            store.xdel(audio, entries[len(entries) // 2][0])  # the log has a gap now
            await poisoned.finish()
            seen = [event async for event in poisoned]
        assert [event.code for event in seen if isinstance(event, Problem)] == ["decode_failed"]
        assert isinstance(seen[-1], Finished)
        await until(lambda: store.xlen(KEYS.dead_turns("base")))
        assert await healthy.done() == undisturbed
