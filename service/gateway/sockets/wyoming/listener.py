"""The TCP listener: accepts Wyoming connections while the gateway runs, and lets them finish when it stops."""

import asyncio
import logging

from service.gateway.auth import is_loopback
from service.gateway.context import Gateway
from service.gateway.sockets.wyoming.connection import Connection
from service.gateway.sockets.wyoming.events import MAX_HEADER_BYTES
from service.log.tasks import cancel_tasks

log = logging.getLogger(__name__)


class WyomingListener:
    """Off where the settings name no port."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], Connection] = {}

    async def start(self) -> None:
        """Raises OSError when the address cannot be listened on."""
        host, port = self._gateway.settings.wyoming_host, self._gateway.settings.wyoming_port
        if not port:
            return
        self._server = await asyncio.start_server(self._accept, host, port, limit=MAX_HEADER_BYTES)
        address = {"host": host, "port": port}
        log.info("Wyoming listener ready", extra=address)
        if not (self._gateway.access.is_open and is_loopback(host)):
            log.warning("the Wyoming listener asks for no API key: whoever reaches it may transcribe", extra=address)

    async def drain(self) -> None:
        """Accepts no more; recordings under way have `drain_s` to be transcribed, idle connections end at once."""
        if not self._server:
            return
        self._server.close()
        for connection in self._connections.values():
            connection.drain()
        await cancel_tasks([task for task, connection in self._connections.items() if not connection.transcribing])
        if transcribing := tuple(self._connections):
            await asyncio.wait(transcribing, timeout=self._gateway.settings.drain_s)
            await cancel_tasks(transcribing)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self._gateway, reader, writer)
        task = asyncio.create_task(connection.run())
        self._connections[task] = connection
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        del self._connections[task]
        if not task.cancelled() and (error := task.exception()):
            log.error("a Wyoming connection failed", exc_info=error)
