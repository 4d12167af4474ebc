"""A TCP proxy whose connections a test can cut, between a client and any server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class CuttingProxy:
    def __init__(self, target_url: str) -> None:
        parts = urlsplit(target_url)
        self._target = (parts.hostname, parts.port)
        self._open: set[asyncio.StreamWriter] = set()
        self.connections = 0
        self.passed = 0  # bytes, both ways
        self.away = False  # hangs up on whoever comes, as a gateway that is being restarted

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        """Drops every connection at once, with what is on its way."""
        for writer in self._open:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.away:
            writer.transport.abort()
            return
        self.connections += 1
        to_reader, to_writer = await asyncio.open_connection(*self._target)
        ends = {writer, to_writer}
        self._open |= ends
        try:
            await asyncio.gather(self._pipe(reader, to_writer), self._pipe(to_reader, writer))
        finally:
            self._open -= ends
            for end in ends:
                end.close()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(4096):
                self.passed += len(data)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
