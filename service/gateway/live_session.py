"""A live stream, whatever protocol carries it: bytes in, events out. Protocols are adapters over this object."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np

from service import metrics, tracing
from service.audio.endpointer import Mark, SpeechStarted
from service.audio.pcm import RAW_ENCODINGS
from service.errors import AllowanceSpent, BadRequest, TooLarge
from service.gateway.cadence import LEAST_HELD, ArrivalClock, PartialCadence, samples_to_hold
from service.gateway.context import Gateway
from service.gateway.ingest import Ingest, Ingested, Pcm
from service.gateway.metering import Allowance
from service.gateway.relay import follow
from service.gateway.stream_options import StreamOptions
from service.gateway.writer import SessionWriter
from service.log.event_log import Event
from service.log.gateways import SessionSummary
from service.log.tenants import Tenant
from service.log.turns import Turn
from service.log.usage import Meter
from service.transcript import SAMPLE_RATE

FEED_BYTES = 32_768  # one step of decoding: larger frames are cut, so that a flood leaves others their turn
FEED_PACKED_BYTES = 1_024  # the same of compressed audio, of which as many bytes may hold a minute
ACK_S = 0.4  # the least time between two acknowledgements
MAX_UNDECODED_S = 60.0  # the socket is not read while more than this waits for its finals
WAIT_FOR_FINALS_S = 0.25


class LiveSession:
    """One connection's hold of a live session. Made by `opening`."""

    def __init__(
        self,
        gateway: Gateway,
        session: str,
        options: StreamOptions,
        ingest: Ingest,
        writer: SessionWriter,
        *,
        tenant: Tenant,
        after: int,
        resumed_seq: int,
        finished: bool = False,
    ) -> None:
        self.id = session
        self.options = options
        self._gateway = gateway
        self._ingest = ingest
        self._writer = writer
        self._tenant = tenant
        self._allowance = allowance_of(gateway, tenant, session)
        self._after = after
        self._resumed_seq = resumed_seq
        self._pcm: list[Pcm] = []
        self._marks: list[Mark] = []
        self._arrivals = ArrivalClock()
        self._cadence = PartialCadence(gateway.settings.partial_interval_ms / 1000)
        self._acked_at = 0.0
        self._acked_bytes = ingest.bytes_fed
        self._finished = finished
        self._failed = False  # an append did, or hearing was cut off: what was fed is not all in the log
        self._spent = ""
        self._began = time.time()
        self._last_text = ""

    # ---- events out

    async def events(self) -> AsyncIterator[Event]:
        """What the client is to be told, with `seq`, up to `finished`."""
        gateway = self._gateway
        async for event in follow(
            gateway.store, gateway.sessions, gateway.waker, self.id, after=self._after, resumed_seq=self._resumed_seq
        ):
            self._observe(event)
            if "spent" in event:  # in place of `finished`, behind the last final
                raise AllowanceSpent(event["spent"], field="audio_minutes_per_month")
            yield event

    def _observe(self, event: Event) -> None:
        if event["type"] == "partial":
            self._cadence.answered(time.monotonic())
            if (
                self._cadence.first_of(event["id"])
                and (age := self._arrivals.age_s(event["start"], time.monotonic())) is not None
            ):
                metrics.FIRST_PARTIAL_SECONDS.observe(age)
        elif event["type"] == "final":
            metrics.WORDS.labels(self.options.model).inc(len(event["text"].split()))
            self._last_text = event["text"] if self._tenant.privacy.show_text else ""
            if (age := self._arrivals.age_s(event["end"], time.monotonic())) is not None:
                metrics.FINAL_SECONDS.labels(self.options.model).observe(age)

    # ---- audio in

    async def feed(self, data: bytes) -> None:
        """Takes the next bytes of the stream; none when the tenant's allowance is spent, which `events` will raise.

        Raises BadAudio, TooLarge, Conflict, NotFound.
        """
        if self._spent:
            return
        if self._finished:
            raise BadRequest("audio after finish", field="audio")
        step = self._step(data)
        for at in range(0, len(data), step):
            piece = data if len(data) <= step else data[at : at + step]
            await self._hear(piece)
            if self._is_worth_writing():
                await self._append()
                if await self._is_spent():
                    return
        await self._wait_while_undecoded()

    async def flush(self) -> None:
        """Makes what was said so far final now; the stream stays open."""
        self._keep(self._ingest.flush())
        await self._append(ack=True)

    async def finish(self) -> None:
        """Declares the end of the audio: `finished` follows the last final."""
        if self._finished:
            return
        self._finished = True
        self._keep(self._ingest.finish())
        await self._append(ack=True)
        duration_s = self._writer.samples / SAMPLE_RATE
        await self._gateway.sessions.finish(
            self.id, self._writer.owner, utterances=self._writer.ended, duration_s=duration_s, spent=self._spent
        )
        self._gateway.waker.ring(self.id)

    async def settle(self) -> None:
        """Writes what is still held back, so that it is safe; for a connection that goes quiet or away.

        Nothing more is written behind an append that failed: it would acknowledge what that one did not write.
        """
        if not self._spent and not self._failed and (self._pcm or self._ingest.bytes_fed != self._acked_bytes):
            await self._append(ack=True)

    async def abandon(self) -> None:
        """Forgets the session at once, for a protocol that cannot resume; workers drop the turns that wait."""
        await self._let_go(resumable=False)
        await self._gateway.sessions.delete(self.id)
        await self._gateway.metering.usage.settle(self.id)

    async def close(self) -> None:
        """Lets go of the session: another connection may resume it until it expires."""
        await self._let_go(resumable=not self._finished)
        await self._gateway.metering.usage.settle(self.id)

    async def _let_go(self, *, resumable: bool) -> None:
        tracing.close(self.id)
        self._gateway.recent.end(self.id)
        self._gateway.biasing.release(self.options.bias)
        await self._gateway.roster.remove(self.id, resumable=resumable)
        await self._gateway.metering.close_stream(self._tenant.id, self.id)

    async def configure(self, options: StreamOptions, *, bias_report: dict[str, Any] | None = None) -> None:
        """New options, effective from the next utterance; `configured` tells the report, if any."""
        utterance = self._ingest.endpointer.open_utterance
        former, self.options = self.options, options.following(self.options, utterance[0] if utterance else None)
        self._gateway.biasing.hold(self.options.bias)
        self._gateway.biasing.release(former.bias)
        self._ingest.endpointer.configure(self.options.endpointing)
        told = {"bias": bias_report} if bias_report else {}
        await self.emit({"type": "configured"} | told, options=self.options.dump())

    async def emit(self, event: Event, *, options: dict[str, Any] | None = None) -> None:
        """Logs an event of the protocol itself (pong, configured, error)."""
        await self._gateway.sessions.emit(self.id, self._writer.owner, event, options=options)
        self._gateway.waker.ring(self.id)

    def summary(self) -> SessionSummary:
        """What dashboards show of it."""
        return SessionSummary(
            id=self.id,
            tenant=self._tenant.id,
            protocol=self.options.protocol,
            model=self.options.model,
            began=self._began,
            audio_s=round(self.heard_s, 1),
            utterances=self._writer.ended,
            state="finished" if self._finished else "open",
            text=self._last_text,
        )

    @property
    def heard_s(self) -> float:
        """Seconds of audio that were fed and decoded to samples."""
        return self._ingest.endpointer.samples / SAMPLE_RATE

    def _step(self, data: bytes) -> int:
        """How many bytes are decoded at once. Bare Opus has no bounds but those of the frame: one is one packet."""
        encoding = self.options.format.encoding
        if encoding == "opus":
            return max(len(data), 1)
        return FEED_BYTES if encoding in RAW_ENCODINGS else FEED_PACKED_BYTES

    async def _hear(self, piece: bytes) -> None:
        try:
            self._keep(await self._ingest.feed(piece))
        except asyncio.CancelledError:
            self._failed = True
            raise
        self._arrivals.note(self._ingest.endpointer.samples, time.monotonic())

    def _is_worth_writing(self) -> bool:
        """At a mark, for a caption, or when enough is held: acknowledged is only what is written."""
        held = sum(map(len, self._pcm))
        if self._marks or held >= samples_to_hold(self._gateway.roster.open_streams):
            return True
        return held >= LEAST_HELD and self._wants_partial(held)

    def _wants_partial(self, held: int = 0) -> bool:
        """Whether to ask for a caption of the open utterance, with `held` samples more than are written."""
        utterance = self._ingest.endpointer.open_utterance
        if utterance is None or not self.options.interim or not self._ingest.endpointer.in_speech:
            return False
        return self._cadence.due(time.monotonic(), self._writer.samples + held - utterance[1])

    def _keep(self, ingested: Ingested) -> None:
        if len(ingested.pcm):
            self._pcm.append(ingested.pcm)
        self._marks += ingested.marks

    async def _append(self, *, ack: bool = False) -> None:
        now = time.monotonic()
        ack = ack or now - self._acked_at >= ACK_S
        pcm = np.concatenate(self._pcm) if self._pcm else np.zeros(0, np.int16)
        marks = tuple(self._marks)
        self._pcm.clear()
        self._marks.clear()
        if any(isinstance(mark, SpeechStarted) for mark in marks):
            self._cadence.started()
        utterance = self._ingest.endpointer.open_utterance
        bytes_fed = self._ingest.bytes_fed
        self._failed = True  # unless it comes back from here
        await self._writer.write(
            pcm,
            marks,
            options_of=self.options.for_turn,
            bytes_after=bytes_fed,
            snapshot=self._ingest.snapshot(),
            open_start=utterance[1] if utterance else None,
            ack=ack,
            drafts=self._cadence.is_fast,
        )
        self._failed = False
        if ack:
            self._acked_at, self._acked_bytes = now, bytes_fed
        if ack or marks:
            self._gateway.waker.ring(self.id)
        if self._writer.samples > self._gateway.settings.max_stream_s * SAMPLE_RATE:
            raise TooLarge(f"the stream is longer than {self._gateway.settings.max_stream_s} s", field="audio")
        if utterance and self._wants_partial():
            await self._ask_for_partial(*utterance)

    async def _is_spent(self) -> bool:
        """Ends the stream when its tenant's audio of this month is used up: what was written is transcribed yet."""
        try:
            await self._allowance.require(self._writer.samples + 1)
        except AllowanceSpent as error:
            self._spent = error.message
            await self.finish()
        return bool(self._spent)

    async def _ask_for_partial(self, utterance: int, start: int) -> None:
        status = await self._gateway.sessions.request_partial(self.id, self._writer.owner, utterance)
        if status == "busy":
            self._cadence.refused(time.monotonic())
        elif status == "ok":
            self._cadence.asked(time.monotonic())
            await self._writer.enqueue(
                Turn("partial", self.id, utterance, start, None, None, self.options.for_turn(utterance))
            )

    async def _wait_while_undecoded(self) -> None:
        if self._writer.undecoded_s > MAX_UNDECODED_S:
            await self.settle()  # the client need not keep what it has sent until the wait is over
        while self._writer.undecoded_s > MAX_UNDECODED_S:
            await asyncio.sleep(WAIT_FOR_FINALS_S)
            self._writer.note_progress(await self._gateway.sessions.next_utterance(self.id))


def meter_of(tenant: Tenant, session: str) -> Meter:
    return Meter(tenant.id, session, "live")


def allowance_of(gateway: Gateway, tenant: Tenant, session: str) -> Allowance:
    return gateway.metering.allowance(tenant, meter_of(tenant, session))
