"""A bad network between a client and a server: connections that break all at once, bytes that arrive slowly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from loadtest.scenario import Network
from service.errors import BadRequest
from service.log.tasks import cancel_tasks

_PIECE = 4096


class BadNetwork:
    """`cuts` counts connections that were dropped."""

    def __init__(self, target_url: str, network: Network) -> None:
        """Raises BadRequest for a URL that is not plain http: nobody can be in the middle of TLS."""
        parts = urlsplit(target_url)
        if parts.scheme != "http":
            raise BadRequest("a group with a network needs a server on plain http", field="url")
        self._target = (parts.hostname, parts.port or 80)
        self._network = network
        self._open: set[asyncio.StreamWriter] = set()
        self.cuts = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """The URL at which the server is reached through it."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=_PIECE)
        cutting = asyncio.create_task(self._keep_cutting())
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            await cancel_tasks([cutting])
            server.close()
            self._abort()

    async def _keep_cutting(self) -> None:
        while self._network.cut_every_s:
            await asyncio.sleep(self._network.cut_every_s)
            self.cuts += len(self._open) // 2
            self._abort()

    def _abort(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection(*self._target, limit=_PIECE)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, to_server}
        self._open |= ends
        try:
            await asyncio.gather(
                _pipe(reader, to_server), _pipe(from_server, writer, bytes_per_s=self._network.read_bytes_per_s)
            )
        finally:
            self._open -= ends


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, bytes_per_s: int = 0) -> None:
    try:
        while data := await reader.read(min(_PIECE, bytes_per_s) or _PIECE):
            writer.write(data)
            await writer.drain()
            if bytes_per_s:
                await asyncio.sleep(len(data) / bytes_per_s)
    except ConnectionError:
        pass  # what was cut is told to the other end by closing it
    finally:
        writer.close()
