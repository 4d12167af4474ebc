"""A small server of the streaming protocol that hangs up at the moments a test asks for.

It "transcribes" every `UTTERANCE_BYTES` of audio to a digest of those bytes, so a byte that is lost, repeated or
out of place shows in a final.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Request, Response, ServerConnection, serve

UTTERANCE_BYTES = 8000


class Moment(Enum):
    BEFORE_STARTED = auto()
    STARTED_LOST = auto()
    AUDIO_LOST = auto()
    HALF_A_MESSAGE_SAVED = auto()
    SAVED_BUT_NOT_ACKNOWLEDGED = auto()
    ACKNOWLEDGED = auto()
    MID_FRAME = auto()
    EVENTS_LOST = auto()
    BEFORE_RESUMED = auto()
    FLUSH_LOST = auto()
    FINISH_LOST = auto()
    FINISHED_LOST = auto()


@dataclass
class Cut:
    """Hangs up once, at `moment`, when `at_bytes` of audio have come."""

    moment: Moment
    at_bytes: int = 0


@dataclass
class Session:
    audio: bytearray = field(default_factory=bytearray)
    events: list[dict[str, Any]] = field(default_factory=list)
    finalised: int = 0
    commands: list[dict[str, Any]] = field(default_factory=list)

    def log(self, **event: Any) -> dict[str, Any]:
        event["seq"] = len(self.events) + 1
        self.events.append(event)
        return event

    def hear(self, audio: bytes) -> None:
        self.audio += audio
        while len(self.audio) - self.finalised >= UTTERANCE_BYTES:
            self.finalise(self.finalised + UTTERANCE_BYTES, cause="length")

    def finalise(self, end: int, *, cause: str = "flush") -> None:
        if end == self.finalised:
            return
        times = {"start": self.finalised / 32_000, "end": end / 32_000}
        text = hashlib.sha256(self.audio[self.finalised : end]).hexdigest()[:12]
        utterance = str(self.finalised)
        self.log(type="speech_started", id=utterance, start=times["start"])
        self.log(type="partial", id=utterance, committed=text[:6], tentative=text[6:], confidence=0.5, **times)
        self.log(type="speech_ended", id=utterance, end=times["end"], cause=cause)
        words = [{"word": text, "confidence": 1.0, **times}]
        self.log(type="final", id=utterance, text=text, language="en", words=words, **times)
        self.finalised = end


class HungUp(Exception):
    pass


class ProtocolServer:
    """`refusal`: the (message, close code) that answers every start; `status`: an HTTP status for every handshake;
    `forgetful`: sessions do not outlive their first connection."""

    def __init__(self, *cuts: Cut) -> None:
        self.cuts = list(cuts)
        self.pinged = asyncio.Event()
        self.sessions: list[Session] = []
        self.connections = 0
        self.api_keys: list[str | None] = []
        self.refusal: tuple[dict[str, Any], int] | None = None
        self.status: HTTPStatus | None = None
        self.forgetful = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        async with serve(self._connected, "127.0.0.1", 0, process_request=self._handshake) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            yield f"http://127.0.0.1:{port}"

    def _handshake(self, connection: ServerConnection, request: Request) -> Response | None:
        self.connections += 1
        self.api_keys.append(request.headers.get("Authorization"))
        return connection.respond(self.status, "no\n") if self.status else None

    async def _connected(self, socket: ServerConnection) -> None:
        with suppress(HungUp):
            await _Conversation(self, socket).run()

    def due(self, moment: Moment, bytes_heard: int = 0) -> bool:
        if self.cuts and self.cuts[0].moment is moment and bytes_heard >= self.cuts[0].at_bytes:
            self.cuts.pop(0)
            return True
        return False


class _Conversation:
    def __init__(self, server: ProtocolServer, socket: ServerConnection) -> None:
        self._server = server
        self._socket = socket
        self._session = Session()
        self._sent = 0

    async def run(self) -> None:
        await self._open(json.loads(await self._socket.recv()))
        async for message in self._socket:
            if isinstance(message, bytes):
                await self._hear(message)
            elif await self._obey(json.loads(message)):
                return

    async def _open(self, opening: dict[str, Any]) -> None:
        if opening["type"] == "resume" and self._server.forgetful:
            await self._refuse({"code": "not_found", "message": "the session has expired", "field": "session"}, 1008)
        elif opening["type"] == "resume":
            self._session = self._server.sessions[int(opening["session"])]
            assert opening["resume_token"] == f"token-{opening['session']}"
            self._sent = opening["last_seq"]
            await self._send_events()
            self._hang_up_at(Moment.BEFORE_RESUMED)
            self._session.log(type="resumed", bytes=len(self._session.audio))
        else:
            await self._start()
        await self._send_events()

    async def _start(self) -> None:
        if self._server.refusal:
            await self._refuse(*self._server.refusal)
        self._hang_up_at(Moment.BEFORE_STARTED)
        number = str(len(self._server.sessions))
        self._server.sessions.append(self._session)
        self._session.log(type="started", session=number, resume_token=f"token-{number}", expires_at="2030-01-01")
        self._hang_up_at(Moment.STARTED_LOST)

    async def _refuse(self, error: dict[str, Any], close_code: int) -> None:
        await self._socket.send(json.dumps({"type": "error", "seq": 1, **error}))
        await self._socket.close(close_code)
        raise HungUp

    async def _hear(self, audio: bytes) -> None:
        session = self._session
        would_have = len(session.audio) + len(audio)
        self._hang_up_at(Moment.AUDIO_LOST, would_have)
        if self._server.due(Moment.HALF_A_MESSAGE_SAVED, would_have):
            session.hear(audio[: len(audio) // 2])
            self._hang_up()
        session.hear(audio)
        self._hang_up_at(Moment.SAVED_BUT_NOT_ACKNOWLEDGED, would_have)
        self._hang_up_at(Moment.EVENTS_LOST, would_have)
        session.log(type="ack", bytes=len(session.audio))
        if self._server.due(Moment.MID_FRAME, would_have):
            await self._send_half_a_frame()
        await self._send_events()
        self._hang_up_at(Moment.ACKNOWLEDGED, would_have)

    async def _obey(self, command: dict[str, Any]) -> bool:
        """Whether that was the end of the stream."""
        session = self._session
        session.commands.append(command | {"at": len(session.audio)})
        if command["type"] == "flush":
            self._hang_up_at(Moment.FLUSH_LOST)
            session.finalise(len(session.audio))
        elif command["type"] == "configure":
            session.log(type="configured")
        elif command["type"] == "ping":
            session.log(type="pong", id=None)
            self._server.pinged.set()
        elif command["type"] == "finish":
            self._hang_up_at(Moment.FINISH_LOST)
            session.finalise(len(session.audio))
            session.log(type="finished", duration=len(session.audio) / 32_000)
            self._hang_up_at(Moment.FINISHED_LOST)
        await self._send_events()
        return command["type"] == "finish"

    async def _send_events(self) -> None:
        while self._sent < len(self._session.events):
            await self._socket.send(json.dumps(self._session.events[self._sent]))
            self._sent += 1

    async def _send_half_a_frame(self) -> None:
        payload = json.dumps(self._session.events[self._sent]).encode()
        frame = b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload
        self._socket.transport.write(frame[: len(frame) // 2])
        self._socket.transport.close()
        raise HungUp

    def _hang_up_at(self, moment: Moment, bytes_heard: int = 0) -> None:
        if self._server.due(moment, bytes_heard):
            self._hang_up()

    def _hang_up(self) -> None:
        self._socket.transport.abort()
        raise HungUp
