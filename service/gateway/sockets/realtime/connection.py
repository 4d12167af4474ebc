"""`/v1/realtime`: OpenAI's Realtime API for transcription sessions, an adapter over LiveSession."""

import asyncio
import contextlib
import json
import secrets
import time
from dataclasses import replace
from functools import partial
from typing import Any

from redis.exceptions import RedisError
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketState

from service import metrics
from service.audio.pcm import SAMPLE_BYTES
from service.errors import BadRequest, SottoError, TooLarge
from service.gateway.biasing import Bias
from service.gateway.context import Gateway
from service.gateway.live_session import LiveSession
from service.gateway.opening import open_session
from service.gateway.replies import error_body as http_error_body
from service.gateway.sockets.duplex import Frame, both_ways, close_with, ending_with, frames, send_text
from service.gateway.sockets.handshake import SocketAuth, key_of, offered
from service.gateway.sockets.realtime import beta
from service.gateway.sockets.realtime.client_events import (
    BETA,
    CURRENT,
    Append,
    Clear,
    ClientEvent,
    Commit,
    TranscriptionSessionUpdate,
    parse,
)
from service.gateway.sockets.realtime.conversation import Conversation
from service.gateway.sockets.realtime.errors import InvalidEvent, error_body
from service.gateway.sockets.realtime.session import LOGPROBS, Identity, Session
from service.gateway.stream_options import StreamOptions
from service.logs import session_id

SUBPROTOCOL, KEY_PREFIX, BETA_SUBPROTOCOL = "realtime", "openai-insecure-api-key.", "openai-beta.realtime-v1"
LEAST_COMMIT_S = 0.1


class RealtimeConnection:
    """One WebSocket. Its stream is opened with the first audio, in the format that the session has by then."""

    def __init__(self, gateway: Gateway, auth: SocketAuth, socket: WebSocket) -> None:
        self._gateway = gateway
        self._auth = auth
        self._socket = socket
        header = socket.headers.get("openai-beta", "")
        self._is_beta = beta.HEADER in header or BETA_SUBPROTOCOL in offered(socket)
        self._session = Session()
        self._identity = Identity(
            id=f"sess_{secrets.token_hex(12)}",
            model=gateway.settings.model,
            expires_at=int(time.time()) + gateway.settings.max_stream_s,
        )
        self._conversation = Conversation(turns=True, logprobs=False)
        self._stream: LiveSession | None = None
        self._opened = asyncio.Event()
        self._bytes = 0
        self._idle_told_s = 0.0
        self._updates: list[Session] = []  # those whose `configured` the log has not said yet

    async def run(self) -> None:
        try:
            async with ending_with(self._fail):
                caller, made_for = await self._auth.check(self._socket, key_of(self._socket, KEY_PREFIX))
                self._tenant = caller.tenant
                await self._socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered(self._socket) else None)
                await self._begin(made_for)
                await both_ways(self._read(), self._relay())
        finally:
            if self._stream:
                with contextlib.suppress(SottoError, RedisError):
                    await self._stream.abandon()

    async def _begin(self, made_for: dict[str, Any]) -> None:
        """Tells the session before the client has said anything. Raises SottoError when it cannot be served."""
        session = Session().updated(made_for)
        if asked := self._socket.query_params.get("model"):
            session = session.updated({"audio": {"input": {"transcription": {"model": asked}}}})
        self._session, self._identity, _ = await self._checked(session)
        await self._apply(session, "session.created")

    # ---- client events

    async def _read(self) -> None:
        """Obeys until the client goes. What it says wrong costs it an `error`, no more."""
        async for frame in frames(self._socket, idle_s=self._gateway.settings.max_stream_s, settle=self._settle):
            await self._take(frame)

    async def _take(self, frame: Frame) -> None:
        if isinstance(frame, bytes):
            await self._complain(InvalidEvent("invalid_type", "Events are JSON in text frames."), None)
            return
        parsed = parse(frame, BETA if self._is_beta else CURRENT)
        try:
            if parsed.error:
                raise parsed.error
            if parsed.event:
                await self._obey(parsed.event)
        except TooLarge:
            raise
        except BadRequest as error:
            await self._complain(error, parsed.event_id)

    async def _obey(self, event: ClientEvent) -> None:
        if isinstance(event, Append):
            await self._append(event.data())
        elif isinstance(event, Commit):
            await self._commit()
        elif isinstance(event, Clear):
            await self._clear()
        else:
            is_beta = isinstance(event, TranscriptionSessionUpdate)
            await self._update(beta.to_current(event.session) if is_beta else event.session)

    async def _append(self, audio: bytes) -> None:
        if self._stream is None:
            _, _, options = await self._checked(self._session)
            self._stream = await open_session(self._gateway, self._tenant, options)
            session_id.set(self._stream.id)
            self._opened.set()
        self._bytes += len(audio)
        await self._stream.feed(audio)
        await self._watch_idleness()

    async def _commit(self) -> None:
        at_s = self._appended_s
        buffered_s = at_s - self._conversation.committed_s
        if self._stream is None or buffered_s < LEAST_COMMIT_S:
            message = (
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
                f"but buffer only has {max(0.0, buffered_s) * 1000:.2f}ms of audio."
            )
            raise InvalidEvent("input_audio_buffer_commit_empty", message)
        await self._stream.flush()
        await self._stream.emit({"type": "commit", "at": at_s})

    async def _clear(self) -> None:
        if self._stream is None:
            await self._send({"type": "input_audio_buffer.cleared"})
            return
        await self._stream.flush()
        await self._stream.emit({"type": "clear", "at": self._appended_s})

    async def _update(self, change: dict[str, Any]) -> None:
        """The new session, wholly or not at all."""
        session = self._session.updated(change)
        session, identity, options = await self._checked(session)
        if self._stream is None:
            self._session, self._identity = session, identity
            await self._apply(session, "session.updated")
            return
        for changed, field in (
            (options.format != self._stream.options.format, "format"),
            (options.model != self._stream.options.model, "transcription.model"),
        ):
            if changed:
                param = f"session.audio.input.{field}"
                raise InvalidEvent("invalid_value", f"'{param}' cannot change once audio was appended.", field=param)
        self._session = session
        self._updates.append(session)
        await self._stream.configure(options)

    async def _checked(self, session: Session) -> tuple[Session, Identity, StreamOptions]:
        """The session with what serves it. Raises BadRequest with the parameter as the client wrote it."""
        asked, place = session.transcription, "session.audio.input.transcription"
        try:
            model = await self._model(asked.model)
            for candidate in (asked.language, *(asked.languages or ())):
                await self._gateway.admission.check_language(model, candidate)
            now = self._stream.options.bias if self._stream else Bias()
            resolved = await self._gateway.biasing.resolve(self._tenant, session.wish, now)
        except BadRequest as error:
            error.field = f"{place}.{error.field}"
            raise
        return session, replace(self._identity, model=model), session.options(model, resolved.bias)

    async def _model(self, asked: str | None) -> str:
        """The model of that name; what it stood for when the stream began, while the name is the same."""
        if self._stream and asked == self._session.transcription.model:
            return self._stream.options.model
        return await self._gateway.admission.model(asked, None, tenant=self._tenant.id, key=self._identity.id)

    async def _apply(self, session: Session, event: str) -> None:
        self._conversation.turns = session.turn_detection is not None
        self._conversation.logprobs = LOGPROBS in (session.include or ())
        await self._send({"type": event, "session": session.told(self._identity)})

    async def _settle(self) -> None:
        if self._stream:
            await self._stream.settle()

    async def _watch_idleness(self) -> None:
        """Puts an idle timeout in the log when that much audio had no speech; it counts where the log has it."""
        turns, quiet_s = self._session.turn_detection, self._conversation.quiet_since_s
        timeout_ms = turns.idle_timeout_ms if turns else None
        if self._stream and timeout_ms and quiet_s is not None:
            since_s, at_s = max(quiet_s, self._idle_told_s), self._stream.heard_s
            if (at_s - since_s) * 1000 >= timeout_ms:
                self._idle_told_s = at_s
                await self._stream.emit({"type": "idle", "since": since_s, "at": at_s})

    @property
    def _appended_s(self) -> float:
        if self._stream is None:
            return 0.0
        fmt = self._stream.options.format
        return self._bytes / (SAMPLE_BYTES[fmt.encoding] * fmt.sample_rate)

    # ---- server events

    async def _relay(self) -> None:
        await self._opened.wait()
        assert self._stream is not None
        async for event in self._stream.events():
            if event["type"] == "configured":
                await self._apply(self._updates.pop(0), "session.updated")
            for message in self._conversation.on(event):
                await self._send(message)

    async def _send(self, event: dict[str, Any]) -> None:
        message = beta.message(event) if self._is_beta else event
        if message is not None:
            identified = {"type": message["type"], "event_id": f"event_{secrets.token_hex(10)}"} | message
            # ASCII, as a complaint may repeat half a surrogate pair
            await send_text(self._socket, json.dumps(identified, separators=(",", ":")))

    async def _complain(self, error: SottoError, event_id: str | None) -> None:
        metrics.ERRORS.labels(error.code).inc()
        await self._send({"type": "error", "error": error_body(error, event_id)})

    async def _fail(self, error: SottoError) -> None:
        if self._socket.application_state == WebSocketState.CONNECTING:
            await self._socket.send_denial_response(JSONResponse(http_error_body(error), error.status))
            return
        complaint = {"type": "error", "error": error_body(error)}
        await close_with(self._socket, error, partial(self._send, complaint))
