"""Wyoming events in and out of a TCP connection. The package's own reader believes whatever length it is told."""

import asyncio
import json
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from wyoming.event import Event, Eventable, async_write_event

from service.errors import BadRequest, IdleTimeout
from service.gateway.limits import MAX_LIST_BYTES
from service.log.tasks import cancel_tasks

MAX_HEADER_BYTES = 65_536
MAX_PART_BYTES = MAX_LIST_BYTES  # of an event's data, which may hold a list of names, and of its payload
LINGER_S = 2.0  # what a client is still sending is read for so long, or it would not see why it is cut off
DISCARD_BYTES = 65_536


class Gone(Exception):
    """The client has closed the connection, or lost it."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class AudioFormat(_Data):
    """Of a recording and of each of its chunks: `rate` in Hz, `width` in bytes per sample."""

    rate: int
    width: int
    channels: int


class Transcribe(_Data):
    """What is wanted of the recording that follows. Names go before terms."""

    name: str | None = Field(default=None, max_length=100)
    language: str | None = Field(default=None, max_length=100)
    transcript_names: list[Any] | None = None
    transcript_terms: list[Any] | None = None


class Ping(_Data):
    text: str | None = None


T = TypeVar("T", bound=_Data)


def parse(kind: type[T], event: Event) -> T:
    """The data of an event; unknown fields are ignored. Raises BadRequest naming the field at fault."""
    try:
        return kind.model_validate(event.data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in (event.type, *first["loc"]))
        raise BadRequest(first["msg"], field=field) from error


class EventStream:
    """One connection. `next` and `watch` may be cancelled at any time: no event is lost or torn by that."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, idle_s: float) -> None:
        self._reader = reader
        self._writer = writer
        self._idle_s = idle_s
        self._coming: asyncio.Task[Event] | None = None

    async def next(self) -> Event:
        """The next event. Raises Gone, IdleTimeout, and BadRequest for what is no event; nothing can follow that."""
        coming = self._read_ahead()
        await asyncio.wait((coming,), timeout=self._idle_s)
        if not coming.done():
            raise IdleTimeout(f"no event came for {self._idle_s:.0f} s")
        self._coming = None
        return coming.result()

    async def watch(self) -> None:
        """Waits for the next event and leaves it to `next`. Raises Gone when the client goes before it."""
        coming = self._read_ahead()
        await asyncio.wait((coming,))
        if isinstance(error := coming.exception(), Gone):
            raise error

    async def send(self, message: Eventable) -> None:
        """Raises Gone, also for a client that does not read."""
        try:
            async with asyncio.timeout(self._idle_s):
                await async_write_event(message.event(), self._writer)
        except OSError as error:  # TimeoutError is one
            raise Gone from error

    async def send_last(self, message: Eventable) -> None:
        """Sends, and gives the client time to read it, whatever it is sending itself."""
        await self.send(message)
        await self._stop_reading()
        try:
            self._writer.write_eof()
            async with asyncio.timeout(LINGER_S):
                while await self._reader.read(DISCARD_BYTES):
                    pass
        except OSError:  # the client is gone, or sends on and on
            return

    async def close(self) -> None:
        await self._stop_reading()
        self._writer.close()
        try:
            async with asyncio.timeout(LINGER_S):
                await self._writer.wait_closed()
        except OSError:  # the client does not read the rest, or is gone
            self._writer.transport.abort()

    async def _stop_reading(self) -> None:
        if self._coming:
            await cancel_tasks((self._coming,))
            self._coming = None

    def _read_ahead(self) -> "asyncio.Task[Event]":
        if self._coming is None:
            self._coming = asyncio.create_task(self._read())
        return self._coming

    async def _read(self) -> Event:
        try:
            header = _object(await self._reader.readuntil(b"\n"), "header")
            kind, data = header.get("type"), header.get("data") or {}
            if not isinstance(kind, str):
                raise BadRequest("every event has a type", field="type")
            if not isinstance(data, dict):
                raise BadRequest("data is a JSON object", field="data")
            data_length, payload_length = _length(header, "data_length"), _length(header, "payload_length")
            if data_length:
                data |= _object(await self._reader.readexactly(data_length), "data")
            return Event(kind, data, await self._reader.readexactly(payload_length) if payload_length else None)
        except asyncio.LimitOverrunError as error:
            raise BadRequest(f"the header of an event has at most {MAX_HEADER_BYTES} bytes", field="header") from error
        except (asyncio.IncompleteReadError, OSError) as error:
            raise Gone from error


def _object(text: bytes, field: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
        if b"\\u" in text:  # an answer that repeats half a surrogate pair could not be sent
            json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BadRequest("not JSON", field=field) from error
    if not isinstance(parsed, dict):
        raise BadRequest("not a JSON object", field=field)
    return parsed


def _length(header: dict[str, Any], field: str) -> int:
    """A length that the header tells, 0 where it tells none. Raises BadRequest before anything of it is read."""
    length = header.get(field) or 0
    if not isinstance(length, int) or not 0 <= length <= MAX_PART_BYTES:
        raise BadRequest(f"must be 0 to {MAX_PART_BYTES}", field=field)
    return length
