"""A whole recording on the live road: cut by the endpointer into utterances, each a bulk turn, in constant memory."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, BinaryIO, Literal

import numpy as np

from service import metrics, tracing
from service.audio.container import read_file
from service.audio.endpointer import Endpointer, EndpointerOptions, Mark
from service.errors import DecodeFailed, SottoError
from service.gateway.biasing import Bias
from service.gateway.context import Gateway
from service.gateway.ingest import Pcm
from service.gateway.relay import follow
from service.gateway.writer import SessionWriter
from service.log.event_log import Event
from service.log.sessions import new_id
from service.log.tasks import cancel_tasks
from service.log.tenants import Tenant
from service.log.usage import Meter
from service.transcript import SAMPLE_RATE

READ_S = 5.0  # seconds of audio per step of decoding
MAX_OUTSTANDING = 32  # utterances that wait for their finals; reading pauses beyond
LOOK_S = 0.1

Task = Literal["transcribe", "translate"]


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """What a request asked for; `model` is a model that a worker serves.

    `languages`: candidates of the detection, all where there are none. `logprobs`: finals tell those of their tokens.
    `redact`: what the tenant has struck out of the texts.
    """

    model: str
    language: str | None = None
    languages: tuple[str, ...] = ()
    task: Task = "transcribe"
    prompt: str = ""
    temperature: float = 0.0
    word_times: bool = True
    logprobs: bool = False
    endpointing: EndpointerOptions = EndpointerOptions.OFFLINE
    bias: Bias = field(default_factory=Bias)
    redact: dict[str, Any] = field(default_factory=dict)

    def for_turn(self) -> dict[str, Any]:
        options = {
            "language": self.language,
            "task": self.task,
            "prompt": self.prompt,
            "word_times": self.word_times,
        }
        asked = {
            "languages": list(self.languages),
            "logprobs": self.logprobs,
            "redact": self.redact,
            # a temperature that is asked for replaces the fallback ladder
            "temperatures": [0.0, self.temperature] if self.temperature else [],
        }
        return options | {name: value for name, value in asked.items() if value} | self.bias.for_turn()

    def dump(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def load(cls, stored: dict[str, Any]) -> "RecordingOptions":
        """What `dump` wrote, here or in an earlier version of the gateway."""
        endpointing = stored.get("endpointing")
        parsed = {
            "languages": tuple(stored.get("languages", ())),
            "endpointing": EndpointerOptions(**endpointing) if endpointing else EndpointerOptions.OFFLINE,
            "bias": Bias.load(stored.get("bias", {})),
        }
        return cls(**stored | parsed)


class Recording:
    """One upload. `source` is a seekable file; `filename` names formats that have no header.

    `account`: what its audio is counted for once, however often it is tried; itself where there is none.
    All channels are mixed, or `channel` alone is taken, counted from 0.
    """

    def __init__(
        self,
        gateway: Gateway,
        tenant: Tenant,
        source: BinaryIO,
        filename: str | None,
        options: RecordingOptions,
        *,
        channel: int | None = None,
        account: str | None = None,
    ) -> None:
        self._gateway = gateway
        self._source = source
        self._filename = filename
        self._channel = channel
        self._options = replace(options, redact=tenant.privacy.redaction)
        self._session = new_id("r")
        self._tenant = tenant
        self._meter = Meter(tenant.id, account or self._session, "bulk")
        self._allowance = gateway.metering.allowance(tenant, self._meter)
        self._owner = f"{gateway.name}/{secrets.token_hex(8)}"

    async def events(self) -> AsyncGenerator[Event, None]:
        """`final` events as they become ready, in order, then `finished`.

        Raises BadAudio, TooLarge, UnsupportedMedia for the file, DecodeFailed for an utterance that failed on
        every delivery, AllowanceSpent when its tenant's audio of this month is used up.
        """
        gateway, model = self._gateway, self._options.model
        await self._allowance.require(1)
        metrics.ROUTED.labels(model, "recording").inc()
        with gateway.biasing.held(self._options.bias):
            async with gateway.roster.using(model, self._session):
                await gateway.recordings.create(
                    self._session,
                    owner=self._owner,
                    wake=gateway.waker.channel,
                    token=secrets.token_urlsafe(24),
                    options=self._options.dump(),
                    tenant=self._tenant.id,
                    meter=self._meter,
                )
                producer = asyncio.create_task(self._produce())
                try:
                    async for event in self._finals(producer):
                        yield event
                finally:
                    await cancel_tasks((producer,))
                    tracing.close(self._session)
                    await gateway.recordings.delete(self._session)
                    await gateway.metering.usage.settle(self._session)

    async def _finals(self, producer: "asyncio.Task[None]") -> AsyncGenerator[Event, None]:
        gateway = self._gateway
        async for event in follow(
            gateway.store, gateway.recordings, gateway.waker, self._session, after=0, writer=producer
        ):
            if event["type"] == "error":
                if "id" not in event:
                    await producer  # raises what went wrong with the file
                raise DecodeFailed(event["message"])
            if event["type"] in ("final", "finished"):
                yield event

    async def _produce(self) -> None:
        """Reads the file to its end. A failure is logged as an event, so that whoever follows hears of it."""
        try:
            await self._write_all()
        except Exception as error:  # whatever it is, the request that waits must hear of it
            code = error.code if isinstance(error, SottoError) else "internal_error"
            event = {"type": "error", "code": code, "message": str(error), "field": getattr(error, "field", None)}
            await self._gateway.recordings.emit(self._session, self._owner, event)
            self._gateway.waker.ring(self._session)
            raise

    async def _write_all(self) -> None:
        gateway = self._gateway
        writer = SessionWriter(
            gateway.store, gateway.recordings, self._session, self._owner, kind="bulk", model=self._options.model
        )
        endpointer = Endpointer(gateway.hearing.vad, self._options.endpointing)
        chunks = read_file(
            self._source,
            max_seconds=gateway.settings.max_upload_s,
            filename=self._filename,
            chunk_seconds=READ_S,
            channel=self._channel,
        )
        while heard := await asyncio.to_thread(_listen, chunks, endpointer):
            await self._write(writer, endpointer, *heard)
            await self._wait_while_outstanding(writer)
        await self._write(writer, endpointer, np.zeros(0, np.int16), endpointer.flush())
        await gateway.recordings.finish(
            self._session, self._owner, utterances=writer.ended, duration_s=writer.samples / SAMPLE_RATE
        )
        gateway.waker.ring(self._session)

    async def _write(self, writer: SessionWriter, endpointer: Endpointer, pcm: Pcm, marks: list[Mark]) -> None:
        await self._allowance.require(writer.samples + len(pcm))
        utterance = endpointer.open_utterance
        await writer.write(
            pcm, marks, options_of=lambda _: self._options.for_turn(), open_start=utterance[1] if utterance else None
        )

    async def _wait_while_outstanding(self, writer: SessionWriter) -> None:
        while writer.ended - writer.next_utterance > MAX_OUTSTANDING:
            await asyncio.sleep(LOOK_S)
            writer.note_progress(await self._gateway.recordings.next_utterance(self._session))


def _listen(chunks: Iterator[Pcm], endpointer: Endpointer) -> tuple[Pcm, list[Mark]] | None:
    """One step of decoding and endpointing, on a thread; None at the end of the file."""
    pcm = next(chunks, None)
    return None if pcm is None else (pcm, endpointer.feed(pcm))
