"""Clients that take their time: headers and bodies that do not come are not waited for, and hold up no shutdown."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.exceptions import HTTPException
from starlette.types import Message

from service.gateway import connections
from service.gateway.connections import TimedH11Protocol
from service.gateway.limits import SLOWEST_BYTES_PER_S, Guard

HOST = "127.0.0.1"
ENOUGH_S = 60.0  # for what should end by itself


async def app(scope: dict[str, object], receive: object, send: object) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b""})  # type: ignore[operator]


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[int]:
    """The port of a server with Sotto's protocol class."""
    config = uvicorn.Config(app, HOST, 0, http=TimedH11Protocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[method-assign]
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        async with asyncio.timeout(ENOUGH_S):  # a connection that is open yet does not hold it up
            await server.shutdown()


@pytest.mark.parametrize(
    "said",
    [b"", b"GET / HTTP/1.1\r\nHost: a\r\nX-", b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHo"],
    ids=["nothing", "half a header", "half a second header"],
)
async def test_a_header_that_does_not_come_ends_the_connection(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(connections, "HEADER_S", 0.2)
    async with served() as port:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(said)
        async with asyncio.timeout(ENOUGH_S):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 204") == (b"\r\n\r\n" in said)
        writer.close()


async def test_what_drips_in_does_not_start_the_time_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADER_S", 0.3)
    async with served() as port:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"GET / HTTP/1.1\r\nX-Slow: ")
        closed = asyncio.create_task(reader.read())
        async with asyncio.timeout(ENOUGH_S):
            while not closed.done():
                writer.write(b"x")
                await asyncio.wait((closed,), timeout=0.02)
        writer.close()


async def test_a_server_stops_while_connections_are_idle() -> None:
    async with served() as port:
        idle = [await asyncio.open_connection(HOST, port) for _ in range(20)]
        idle[0][1].write(b"GET / HTTP/1.1\r\n")
    for reader, writer in idle:
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


def guard(idle_s: float) -> Guard:
    nobody: object = None
    return Guard(nobody, access=nobody, metering=nobody, max_bytes=10**9, idle_s=idle_s, refusals={})  # type: ignore[arg-type]


async def test_a_body_that_stops_coming_is_not_waited_for() -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(HTTPException) as slow:
        await guard(0.05)._bounded(receive)()
    assert slow.value.status_code == 408


async def test_what_follows_a_whole_body_may_take_its_time() -> None:
    """The route asks for more to learn that the client has hung up."""
    gone = asyncio.Event()

    async def receive() -> Message:
        if not gone.is_set():
            gone.set()
            return {"type": "http.request", "body": b"x", "more_body": False}
        await asyncio.sleep(0.1)
        return {"type": "http.disconnect"}

    bounded = guard(0.01)._bounded(receive)
    assert (await bounded())["body"] == b"x"
    assert (await bounded())["type"] == "http.disconnect"


def test_a_body_has_as_long_as_its_bytes_earn() -> None:
    assert guard(60)._longest_s(0) == 60
    assert guard(60)._longest_s(600 * SLOWEST_BYTES_PER_S) == 660
