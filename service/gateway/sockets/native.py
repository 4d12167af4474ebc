"""`/v1/stream`: Sotto's own WebSocket protocol, an adapter over LiveSession."""

import asyncio
import contextlib
from dataclasses import fields, replace
from functools import partial
from typing import Any

from redis.exceptions import RedisError
from starlette.websockets import WebSocket

from service.audio.endpointer import EndpointerOptions
from service.audio.stream_decoder import StreamFormat
from service.errors import BadRequest, Conflict, IdleTimeout, NotFound, SottoError
from service.gateway.biasing import BiasWish
from service.gateway.context import Gateway
from service.gateway.live_session import LiveSession
from service.gateway.opening import open_session, resume_session
from service.gateway.sockets.duplex import both_ways, close_with, ending_with, frames, receive, send_text
from service.gateway.sockets.handshake import SocketAuth, key_of, offered
from service.gateway.sockets.messages import (
    Configure,
    Control,
    Finish,
    Flush,
    Opening,
    Ping,
    Resume,
    Start,
    parse_control,
    parse_opening,
)
from service.gateway.stream_options import StreamOptions
from service.log.event_log import encode
from service.logs import session_id

TELL_S = 2.0  # a client that does not read is not told why it is dropped
SUBPROTOCOL, KEY_PREFIX = "sotto", "sotto-key."  # what browsers offer, which cannot set headers


class Connection:
    """One WebSocket: reads frames into a session, relays its events back."""

    def __init__(self, gateway: Gateway, auth: SocketAuth, socket: WebSocket) -> None:
        self._gateway = gateway
        self._auth = auth
        self._socket = socket
        self._last_seq = 0
        self._failing = False
        self._told = False

    async def run(self) -> None:
        await self._socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered(self._socket) else None)
        session: LiveSession | None = None
        try:
            async with ending_with(self._fail):
                caller, _ = await self._auth.check(self._socket, key_of(self._socket, KEY_PREFIX))
                self._tenant = caller.tenant
                session = await self._open()
                session_id.set(session.id)
                await both_ways(self._read(session), self._relay(session), failed=partial(self._failed, session))
                await self._socket.close(1000)
        finally:
            if session:
                await self._part(session)

    async def _open(self) -> LiveSession:
        text = await self._opening_text()
        opening: Opening = parse_opening(text)
        if isinstance(opening, Resume):
            return await resume_session(
                self._gateway, self._tenant, opening.session, opening.resume_token, opening.last_seq
            )
        wish = wish_of(opening)
        resolved = await self._gateway.biasing.resolve(self._tenant, wish)
        options = replace(await self._options(opening), bias=resolved.bias)
        report = None if wish.is_empty else resolved.report
        return await open_session(self._gateway, self._tenant, options, bias_report=report)

    async def _opening_text(self) -> str:
        limit_s = self._gateway.settings.idle_timeout_s
        try:
            opening = await receive(self._socket, limit_s)
        except TimeoutError:
            raise IdleTimeout(f"neither start nor resume came within {limit_s} s") from None
        if isinstance(opening, bytes):
            raise BadRequest("the first message is a JSON text frame of type start or resume", field="type")
        return opening

    async def _options(self, start: Start) -> StreamOptions:
        fmt = StreamFormat(start.format.encoding, start.format.sample_rate, start.format.channels)
        model = await self._gateway.admission.model(start.model, start.language, tenant=self._tenant.id)
        return StreamOptions(
            model=model,
            format=fmt,
            language=start.language,
            interim=start.interim,
            endpointing=endpointing_of(EndpointerOptions(), start.endpointing),
        )

    async def _read(self, session: LiveSession) -> None:
        """Takes frames until the client goes; after `finish` it has nothing more to say, and may."""
        idle_s = self._gateway.settings.idle_timeout_s
        async for frame in frames(self._socket, idle_s=idle_s, settle=session.settle):
            if isinstance(frame, bytes):
                await session.feed(frame)
            else:
                await self._obey(session, parse_control(frame))

    async def _obey(self, session: LiveSession, control: Control) -> None:
        if isinstance(control, Flush):
            await session.flush()
        elif isinstance(control, Finish):
            await session.finish()
        elif isinstance(control, Ping):
            await session.emit({"type": "pong", "id": control.id})
        else:
            wish = wish_of(control)
            resolved = await self._gateway.biasing.resolve(self._tenant, wish, session.options.bias)
            options = replace(await self._changed(session.options, control), bias=resolved.bias)
            await session.configure(options, bias_report=None if wish.is_empty else resolved.report)

    async def _changed(self, options: StreamOptions, change: Configure) -> StreamOptions:
        named = change.model_fields_set
        if "language" in named:
            await self._gateway.admission.check_language(options.model, change.language)
            options = replace(options, language=change.language)
        if "interim" in named:
            options = replace(options, interim=change.interim)
        return replace(options, endpointing=endpointing_of(options.endpointing, change.endpointing))

    async def _relay(self, session: LiveSession) -> None:
        async for event in session.events():
            await self._send(event)
            if self._failing and event["type"] == "error" and "id" not in event:
                self._told = True
                return

    async def _failed(self, session: LiveSession, error: BaseException, relay: "asyncio.Task[None]") -> None:
        """Puts a fatal error in the log behind all that came before it, and lets the relay send up to there."""
        if isinstance(error, SottoError) and not isinstance(error, Conflict | NotFound):
            self._failing = True
            await session.emit(error_event(error))
            await asyncio.wait((relay,), timeout=TELL_S)

    async def _send(self, event: dict[str, Any]) -> None:
        self._last_seq = event["seq"]
        await send_text(self._socket, encode(event))

    async def _fail(self, error: SottoError) -> None:
        async def tell() -> None:
            if not self._told:
                await self._send({"seq": self._last_seq + 1, **error_event(error)})

        await close_with(self._socket, error, tell)

    async def _part(self, session: LiveSession) -> None:
        """Makes safe what the client has sent, so that it has less to send again, and lets the session go."""
        with contextlib.suppress(SottoError, RedisError):
            await session.settle()
        with contextlib.suppress(SottoError, RedisError):
            await session.close()


def endpointing_of(base: EndpointerOptions, change: dict[str, Any]) -> EndpointerOptions:
    """`base` with the fields that the client named. Raises BadRequest for a name or value that is none."""
    known = {f.name for f in fields(EndpointerOptions)}
    for name in change:
        if name not in known:
            raise BadRequest(f"unknown setting; known are {', '.join(sorted(known))}", field=f"endpointing.{name}")
    return replace(base, **change)


def wish_of(message: Start | Configure) -> BiasWish:
    """What the message says of biasing; None for a field that it does not name."""
    named = message.model_fields_set
    return BiasWish(
        keywords=message.keywords if "keywords" in named else None,
        bias_lists=message.bias_lists if "bias_lists" in named else None,
        strength=message.bias_strength if "bias_strength" in named else None,
    )


def error_event(error: SottoError) -> dict[str, Any]:
    return {"type": "error", "code": error.code, "message": error.message, "field": error.field}
