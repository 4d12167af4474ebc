"""Wake-ups and the steps of a job, over every kind of store."""

import asyncio
import io

from service.log.jobs import Jobs
from service.log.store import Store
from service.log.tasks import cancel_tasks
from service.log.wake import Waker


async def test_a_gateway_hears_whoever_calls_its_sessions(store: Store) -> None:
    waker = Waker(store, "g1")
    bell = waker.listen("s_1")
    listening = asyncio.create_task(waker.run())
    async with asyncio.timeout(10):
        while not bell.is_set():  # until the subscription is there, nobody hears
            await Waker(store, "g2").call(waker.channel, "s_1")
            await asyncio.wait([listening], timeout=0.02)
    await cancel_tasks([listening])


async def test_a_job_that_ended_leaves_its_result_without_its_upload(store: Store) -> None:
    jobs = Jobs(store, ttl_s=60)
    await jobs.submit("j_1", "default", io.BytesIO(b"audio"), {"language": "en"})
    await jobs.update("j_1", status="running", progress=0.5)
    assert [piece async for piece in jobs.read_upload("j_1")] == [b"audio"]
    await jobs.update("j_1", status="succeeded", progress=1.0)
    assert (await jobs.get("j_1", tenant="default"))["status"] == "succeeded"
    assert [piece async for piece in jobs.read_upload("j_1")] == []
