"""A gateway without a server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from service.gateway.app import build
from service.gateway.context import Gateway
from service.log.tasks import cancel_tasks
from service.settings import Settings


@contextlib.asynccontextmanager
async def gateway_of(redis_url: str, prefix: str) -> AsyncIterator[Gateway]:
    """Sessions may be opened and fed; what else a server's gateway does beside is left undone."""
    gateway = build(Settings(key_prefix=prefix, api_keys=""), redis_url)
    hearing = asyncio.create_task(gateway.hearing.run())
    yield gateway
    await cancel_tasks((hearing,))
    await gateway.store.close()
