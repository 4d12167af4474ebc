"""One Wyoming connection: describes the service, and transcribes recordings one after the other."""

import asyncio
import contextlib
import logging

from redis.exceptions import RedisError
from wyoming.asr import Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.ping import Pong

from service import metrics
from service.audio.stream_decoder import StreamFormat
from service.errors import BadRequest, DecodeFailed, Refused, SottoError
from service.gateway.biasing import BiasWish
from service.gateway.context import Gateway
from service.gateway.live_session import LiveSession
from service.gateway.opening import open_session
from service.gateway.sockets.duplex import both_ways, ending_with
from service.gateway.sockets.wyoming.events import AudioFormat, EventStream, Gone, Ping, Transcribe, parse
from service.gateway.sockets.wyoming.info import info_of
from service.gateway.sockets.wyoming.recording import GrowingTranscript, Samples
from service.gateway.stream_options import StreamOptions
from service.log.tenants import DEFAULT, Tenant
from service.logs import session_id

log = logging.getLogger(__name__)


class Connection:
    """Reads events until the client goes. An error ends the connection: clients wait for a transcript or its end."""

    def __init__(self, gateway: Gateway, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._gateway = gateway
        self._stream = EventStream(reader, writer, idle_s=gateway.settings.idle_timeout_s)
        self._wanted = Transcribe()
        self._draining = False
        self.transcribing = False

    async def run(self) -> None:
        try:
            async with ending_with(self._fail, gone=Gone):
                while not self._draining:
                    await self._obey(await self._stream.next())
        finally:
            await self._stream.close()

    def drain(self) -> None:
        """The recording under way is the last."""
        self._draining = True

    async def _obey(self, event: Event) -> None:
        if event.type == "transcribe":
            self._wanted = parse(Transcribe, event)
        elif event.type == "audio-start":
            wanted, self._wanted = self._wanted, Transcribe()
            self.transcribing = True
            await self._transcribe(wanted, parse(AudioFormat, event))
            self.transcribing = False
        elif event.type in ("audio-chunk", "audio-stop"):
            raise BadRequest(f"{event.type} before audio-start", field="type")
        else:
            await self._answer(event)

    async def _answer(self, event: Event) -> None:
        """To what may come at any time; events of which Sotto knows nothing are ignored, as the protocol has it."""
        if event.type == "describe":
            await self._stream.send(await info_of(self._gateway))
        elif event.type == "ping":
            await self._stream.send(Pong(parse(Ping, event).text))

    async def _transcribe(self, wanted: Transcribe, fmt: AudioFormat) -> None:
        samples = Samples(fmt.width)
        tenant = await self._gateway.access.tenant(DEFAULT)
        session = await open_session(self._gateway, tenant, await self._options(tenant, wanted, fmt))
        token = session_id.set(session.id)
        try:
            await both_ways(self._read(session, fmt, samples), self._relay(session))
        finally:
            with contextlib.suppress(SottoError, RedisError):
                await session.abandon()
            session_id.reset(token)

    async def _options(self, tenant: Tenant, wanted: Transcribe, fmt: AudioFormat) -> StreamOptions:
        language = _primary(wanted.language) if wanted.language else None
        stream_format = StreamFormat("pcm_s16le", fmt.rate, fmt.channels)
        model = await self._gateway.admission.model(wanted.name, language, tenant=tenant.id)
        words = [*(wanted.transcript_names or ()), *(wanted.transcript_terms or ())]
        resolved = await self._gateway.biasing.resolve(tenant, BiasWish(keywords=words or None))
        return StreamOptions(model, stream_format, language, every_final=True, bias=resolved.bias, protocol="wyoming")

    async def _read(self, session: LiveSession, fmt: AudioFormat, samples: Samples) -> None:
        while (event := await self._stream.next()).type != "audio-stop":
            if event.type == "audio-chunk":
                if parse(AudioFormat, event) != fmt:
                    raise BadRequest("rate, width and channels are not those of audio-start", field="audio-chunk")
                await session.feed(samples.feed(event.payload or b""))
            elif event.type in ("transcribe", "audio-start"):
                raise BadRequest(f"{event.type} before the audio-stop of the recording under way", field="type")
            else:
                await self._answer(event)
        await session.finish()
        await self._stream.watch()

    async def _relay(self, session: LiveSession) -> None:
        language = session.options.language
        growing = GrowingTranscript(language)
        await self._stream.send(TranscriptStart(language=language))
        async for event in session.events():
            if event["type"] == "error":
                raise DecodeFailed(event["message"])
            adds = {"partial": growing.add_partial, "final": growing.add_final}
            if (add := adds.get(event["type"])) and (text := add(event)):
                await self._stream.send(TranscriptChunk(text))
        whole = growing.whole
        await self._stream.send(Transcript(whole.text, language=whole.language or language))
        await self._stream.send(TranscriptStop())

    async def _fail(self, error: SottoError) -> None:
        if isinstance(error, Refused):
            metrics.REFUSALS.labels(error.code).inc()
        metrics.ERRORS.labels(error.code).inc()
        log.info("connection ended with an error", extra={"code": error.code, "reason": error.message})
        text = f"{error.field}: {error.message}" if error.field else error.message
        with contextlib.suppress(Gone):
            await self._stream.send_last(Error(text, error.code))


def _primary(language: str) -> str:
    """`pt` of `pt-BR` or `pt_BR`: Whisper knows languages, not regions."""
    return language.replace("_", "-").partition("-")[0].lower()
