"""Jobs: uploads that are transcribed after their request has been answered. Any gateway can take up any job."""

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from redis.exceptions import ConnectionError, ResponseError, TimeoutError, WatchError

from service.errors import NotFound
from service.log.store import Store

GROUP = "gateways"
CHUNK_BYTES = 512 * 1024

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
ENDED: frozenset[str] = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job in a gateway's hands: its entry in the queue, its id, how often it was delivered."""

    entry: str
    id: str
    deliveries: int


class Jobs:
    """Records, uploads and the queue of jobs. A record is a JSON object under the job's id."""

    def __init__(self, store: Store, *, ttl_s: int) -> None:
        self._store = store
        self._queue = store.keys.job_queue()
        self._ttl_s = ttl_s

    async def submit(self, job: str, tenant: str, upload: BinaryIO, options: dict[str, Any]) -> dict[str, Any]:
        """Stores the upload and the record, then queues the job; after that nothing of it can be lost."""
        redis, key = self._store.redis, self._store.keys.upload(job)
        pieces = iter(lambda: upload.read(CHUNK_BYTES), b"")
        for number, piece in enumerate(pieces):  # by number: a piece whose reply is lost is written twice
            await redis.hset(key, str(number), piece)
            await redis.expire(key, self._ttl_s)
        record = {
            "id": job,
            "tenant": tenant,
            "status": "queued",
            "progress": 0.0,
            "created": time.time(),
            "options": options,
        }
        await redis.set(self._store.keys.job(job), json.dumps(record), ex=self._ttl_s)
        await redis.xadd(self._queue, {"job": job})
        return record

    async def get(self, job: str, tenant: str | None = None) -> dict[str, Any]:
        """Raises NotFound when there is no such job, its time is over, or it is not that tenant's."""
        stored = await self._store.redis.get(self._store.keys.job(job))
        record: dict[str, Any] | None = json.loads(stored) if stored else None
        if record is None or tenant not in (None, record["tenant"]):
            raise NotFound(f"no job {job!r}", field="id")
        return record

    async def update(self, job: str, **changes: Any) -> dict[str, Any]:
        """Changes the record of a job that has not ended. Raises NotFound when it was cancelled meanwhile."""
        key = self._store.keys.job(job)
        async with self._store.redis.pipeline(transaction=True) as pipe:
            while True:
                try:
                    await pipe.watch(key)
                    record = await self.get(job)
                    if record["status"] in ENDED:
                        raise NotFound(f"job {job!r} was {record['status']}", field="id")
                    record |= changes
                    pipe.multi()
                    pipe.set(key, json.dumps(record), ex=self._ttl_s)
                    if record["status"] in ENDED:
                        pipe.delete(self._store.keys.upload(job))
                    await pipe.execute()
                    return record
                except WatchError:
                    continue

    async def delete(self, job: str) -> None:
        await self._store.redis.delete(self._store.keys.job(job), self._store.keys.upload(job))

    async def read_upload(self, job: str) -> AsyncIterator[bytes]:
        """The upload, piece by piece."""
        key = self._store.keys.upload(job)
        for number in range(await self._store.redis.hlen(key)):
            yield await self._store.redis.hget(key, str(number))

    # ---- the queue, for the gateways that run jobs

    async def ensure_group(self) -> None:
        try:
            await self._store.redis.xgroup_create(self._queue, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def claim(self, consumer: str, *, timeout_ms: int, idle_ms: int) -> ClaimedJob | None:
        """A job whose runner went silent, else the next one; None when none comes."""
        try:
            reply = await self._store.redis.xautoclaim(self._queue, GROUP, consumer, idle_ms, count=1)
            entries = [entry for entry in reply[1] if entry[1]]
            if not entries:
                fresh = await self._store.redis.xreadgroup(
                    GROUP, consumer, {self._queue: ">"}, count=1, block=timeout_ms
                )
                entries = fresh[0][1] if fresh else []
        except (ConnectionError, TimeoutError):
            return None
        if not entries:
            return None
        entry_id, fields = entries[0]
        pending = await self._store.redis.xpending_range(self._queue, GROUP, entry_id, entry_id, 1)
        deliveries = pending[0]["times_delivered"] if pending else 1
        return ClaimedJob(entry_id.decode(), fields[b"job"].decode(), deliveries)

    async def keep(self, consumer: str, entry: str) -> None:
        """Renews the claim on a job that is being run."""
        await self._store.script("keep_claims", [self._queue], [GROUP, consumer, entry])

    async def ack(self, entry: str) -> None:
        pipe = self._store.redis.pipeline(transaction=True)
        pipe.xack(self._queue, GROUP, entry)
        pipe.xdel(self._queue, entry)
        await pipe.execute()
