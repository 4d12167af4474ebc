"""WebSocket frames by hand, for clients that break off in the middle of one. No reply is understood."""

import asyncio
import base64
import contextlib
import json
import struct
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

TEXT, BINARY = 1, 2


def frame(opcode: int, payload: bytes) -> bytes:
    """A whole frame, masked with zeros."""
    size = len(payload)
    if size < 126:
        length = struct.pack(">B", 0x80 | size)
    elif size < 2**16:
        length = struct.pack(">BH", 0x80 | 126, size)
    else:
        length = struct.pack(">BQ", 0x80 | 127, size)
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


def handshake(host: str) -> bytes:
    key = base64.b64encode(bytes(16)).decode()
    return (
        f"GET /v1/stream HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


@contextlib.asynccontextmanager
async def connection(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A TCP connection, cut at the end of the block."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@contextlib.asynccontextmanager
async def started(url: str) -> AsyncIterator[tuple[str, asyncio.StreamWriter]]:
    """A stream and its session; what the server sends from then on is not read."""
    async with connection(url) as (reader, writer):
        writer.write(handshake(urlsplit(url).netloc))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame(TEXT, json.dumps({"type": "start"}).encode()))
        await reader.readuntil(b"{")
        event = json.loads(b"{" + await reader.readuntil(b"}"))
        writer.transport.pause_reading()
        yield event["session"], writer
