"""`WS /v1/listen`: Deepgram's live protocol, an adapter over LiveSession."""

import asyncio
import contextlib
import json
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import Any

from redis.exceptions import RedisError
from starlette.websockets import WebSocket

from service.errors import BadAudio, IdleTimeout, SottoError, TooManyEntries
from service.gateway.auth import SCHEMES, key_in
from service.gateway.biasing import Bias
from service.gateway.context import Gateway
from service.gateway.sockets.deepgram.alternatives import model_info, model_uuid, rfc3339
from service.gateway.sockets.deepgram.channel import Channel, ChannelOptions, Message, error
from service.gateway.sockets.deepgram.controls import (
    CloseStream,
    Configure,
    Control,
    Finalize,
    SchemaError,
    parse_control,
)
from service.gateway.sockets.deepgram.query import LiveQuery, parse_live
from service.gateway.sockets.deepgram.refusals import new_request_id, refusal
from service.gateway.sockets.deepgram.serving import resolve, served_model
from service.gateway.sockets.deepgram.streams import Stream, Streams
from service.gateway.sockets.duplex import both_ways, close_with, ending_with, frames, send_text
from service.gateway.sockets.handshake import SocketAuth, offered
from service.gateway.stream_options import StreamOptions
from service.log.store import unavailable
from service.log.tasks import cancel_tasks
from service.logs import session_id

IDLE_S = 10.0  # without audio or message; Deepgram's, whatever SOTTO_IDLE_TIMEOUT_S says
NO_DATA = "Deepgram did not receive audio data or a text message within the timeout window. See https://dpgr.am/net0001"
NOT_AUDIO = "DATA-0000: the payload cannot be decoded as audio"
WS_NO_DATA = 1011


class ListenConnection:
    """One WebSocket. What it asks for is refused in the handshake, with a status."""

    def __init__(self, gateway: Gateway, auth: SocketAuth, socket: WebSocket) -> None:
        self._gateway = gateway
        self._auth = auth
        self._socket = socket
        self._request_id = new_request_id()
        self._created = datetime.now(UTC)
        self._duration_s = 0.0
        self._closing: tuple[int, str] = (1000, "")

    async def run(self) -> None:
        try:
            self._query, self._model, self._streams = await self._admit()
        except SottoError as refused:
            await self._socket.send_denial_response(refusal(refused, self._request_id))
            return
        except RedisError as failed:
            await self._socket.send_denial_response(refusal(unavailable(failed), self._request_id))
            return
        try:
            await self._serve()
        finally:
            with contextlib.suppress(SottoError, RedisError):
                await self._streams.abandon()

    # ---- the handshake

    async def _admit(self) -> tuple[LiveQuery, str, Streams]:
        """Raises Unauthorized, BadRequest, Refused."""
        caller, _ = await self._auth.check(self._socket, self._key)
        self._tenant = caller.tenant
        query = parse_live(self._socket.query_params)
        asked = query.asked
        model = await served_model(self._gateway.admission, self._tenant, asked)
        options = StreamOptions(
            model=model,
            protocol="deepgram",
            language=asked.language,
            languages=asked.languages,
            interim=query.interim,
            every_final=True,
            endpointing=query.endpointing,
            bias=(await resolve(self._gateway.biasing, self._tenant, asked.phrases)).bias,
        )
        streams = Streams(self._gateway, self._tenant, options, channels=query.split_into)
        if query.format is None:  # the sessions are opened by the audio, which tells its format
            await self._gateway.admission.admit(model, live=False)
            return query, model, streams
        try:
            await streams.open(query.format)
        except BaseException:
            await streams.abandon()
            raise
        return query, model, streams

    @property
    def _key(self) -> str | None:
        """The key in the Authorization header, else the subprotocol behind `token` or `bearer`."""
        if key := key_in(self._socket.headers.get("authorization")):
            return key
        return next((key for scheme, key in pairwise(offered(self._socket)) if scheme.lower() in SCHEMES), None)

    async def _serve(self) -> None:
        await self._socket.accept(
            next((name for name in offered(self._socket) if name.lower() in SCHEMES), None),
            headers=[(b"dg-request-id", self._request_id.encode())],
        )
        async with ending_with(self._fail):
            await both_ways(self._read(), self._relay())
            await self._send(self._metadata())
            await self._socket.close(*self._closing)

    # ---- in

    async def _read(self) -> None:
        """Takes frames until the client has nothing more to say, or says nothing for too long."""
        try:
            async for frame in frames(self._socket, idle_s=IDLE_S, settle=self._streams.settle):
                if isinstance(frame, bytes):
                    if not frame:
                        break  # an empty frame of audio ends it, as CloseStream does
                    await self._streams.feed(frame)
                elif await self._closes(frame):
                    break
        except IdleTimeout:
            self._closing = (WS_NO_DATA, NO_DATA)
        await self._streams.finish()

    async def _closes(self, frame: str) -> bool:
        """Obeys a message, and tells whether it ends the stream."""
        try:
            control: Control = parse_control(frame)
        except SchemaError as unknown:
            await self._send(error("SchemaError", str(unknown), frame))
            return False
        if isinstance(control, Finalize):
            for index, channel in enumerate(self._streams.channels):
                if control.channel in (None, index):
                    await channel.finalize()
        elif isinstance(control, Configure):
            await self._send({"request_id": self._request_id} | await self._configured(control))
        return isinstance(control, CloseStream)

    async def _configured(self, control: Configure) -> Message:
        """The answer to a Configure; the stream goes on also when it failed."""
        if control.keyterms is None:
            return {"type": "ConfigureSuccess"}
        try:
            resolved = await resolve(self._gateway.biasing, self._tenant, control.keyterms)
            await self._streams.configure(resolved.bias if control.keyterms else Bias())
        except TooManyEntries as too_many:
            code = "CONFIGURE_KEYTERM_LIMIT_EXCEEDED"
            return {"type": "ConfigureFailure", "code": code, "description": too_many.message}
        rejected = {each.index for each in resolved.rejected}
        in_effect = [term for index, term in enumerate(control.keyterms) if index not in rejected]
        return {"type": "ConfigureSuccess", "keyterms": in_effect}

    # ---- out

    async def _relay(self) -> None:
        """Tells what every channel hears, until all are finished."""
        await self._streams.opened.wait()
        if self._streams.channels:
            session_id.set(self._streams.channels[0].session.id)
        tasks = [asyncio.create_task(self._tell(*numbered)) for numbered in enumerate(self._streams.channels)]
        try:
            await asyncio.gather(*tasks)
        finally:
            await cancel_tasks(tasks)

    async def _tell(self, index: int, stream: Stream) -> None:
        channel = Channel(self._channel_options(index))
        async for event in stream.session.events():
            if event["type"] == "ack":
                messages = channel.heard(stream.clock.heard_at(event["bytes"]))
            else:
                messages = channel.on(event)
            for message in messages:
                await self._send(message)
            if event["type"] == "finished":
                self._duration_s = max(self._duration_s, event["duration"])

    def _channel_options(self, index: int) -> ChannelOptions:
        query, asked = self._query, self._query.asked
        extra = {"extra": dict(asked.extra)} if asked.extra else {}
        return ChannelOptions(
            metadata={
                "request_id": self._request_id,
                "model_info": model_info(self._model),
                "model_uuid": model_uuid(self._model),
            }
            | extra,
            index=index,
            total=query.split_into,
            interim=query.interim,
            punctuate=asked.punctuate,
            multi=asked.multi,
            hints=asked.languages,
            speech_final=query.speech_final,
            utterance_end_s=query.utterance_end_s,
            vad_events=query.vad_events,
        )

    def _metadata(self) -> Message:
        """The last message of a stream that ended in order."""
        return {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": self._request_id,
            "sha256": self._streams.sha256,
            "created": rfc3339(self._created),
            "duration": self._duration_s,
            "channels": self._query.split_into,
            "models": [model_uuid(self._model)],
            "model_info": {model_uuid(self._model): model_info(self._model)},
        }

    async def _send(self, message: dict[str, Any]) -> None:
        # ASCII, as an error may repeat half a surrogate pair
        await send_text(self._socket, json.dumps(message, separators=(",", ":")))

    async def _fail(self, failed: SottoError) -> None:
        told = error(failed.code, failed.message)
        reason = NOT_AUDIO if isinstance(failed, BadAudio) else None
        await close_with(self._socket, failed, partial(self._send, told), reason=reason)
