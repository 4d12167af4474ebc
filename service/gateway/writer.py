"""Writes a session: audio, marks and events into its log in one step, then the turns that the marks ask for."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from service import metrics, tracing
from service.audio.endpointer import Endpoint, Mark, Pause, SpeechStarted
from service.errors import Conflict, NotFound
from service.log.audio_log import AudioLog, Chunk, EndpointMark
from service.log.event_log import Event
from service.log.sessions import Sessions
from service.log.store import Store
from service.log.turns import Turn, TurnQueue
from service.transcript import SAMPLE_RATE

log = logging.getLogger(__name__)

PREROLL_KEPT = SAMPLE_RATE  # samples of silence that stay in the log, in case speech turns out to have begun


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a session stands: samples written, utterances ended, first utterance whose final is outstanding."""

    samples: int = 0
    ended: int = 0
    next_utterance: int = 0


class SessionWriter:
    """The only writer of one session's log; `owner` names the connection it writes for."""

    def __init__(
        self,
        store: Store,
        sessions: Sessions,
        session: str,
        owner: str,
        *,
        kind: Literal["final", "bulk"],
        model: str,
        progress: Progress | None = None,
        traced: bool = True,
    ) -> None:
        self.session = session
        self.owner = owner
        self.turns = TurnQueue(store, model)
        self._log = AudioLog(store, session)
        self._ttl_s = sessions.ttl_s
        self._kind: Literal["final", "bulk"] = kind
        self._traced = traced
        start = progress or Progress()
        self.samples = start.samples
        self.ended = start.ended
        self.next_utterance = start.next_utterance
        self._starts: dict[int, int] = {}
        self._appends = 0

    @property
    def undecoded_s(self) -> float:
        """Seconds of audio from the first utterance whose final is outstanding to the end of what is written."""
        start = self._starts.get(self.next_utterance)
        return 0.0 if start is None else (self.samples - start) / SAMPLE_RATE

    async def write(
        self,
        pcm: npt.NDArray[np.int16],
        marks: Sequence[Mark],
        *,
        options_of: Callable[[int], dict[str, Any]],
        bytes_after: int = 0,
        snapshot: bytes = b"",
        open_start: int | None = None,
        ack: bool = False,
        drafts: bool = False,
    ) -> None:
        """Appends, then enqueues a turn for every endpoint, and with `drafts` one for a pause that may become one.

        `options_of`: what the turns of an utterance carry, by its number; `open_start`: first sample of the open one.

        Raises Conflict when another connection owns the session by now, NotFound when it has expired.
        """
        endpoints = tuple(_with_options(mark, options_of) for mark in marks if isinstance(mark, Endpoint))
        started = [m for m in marks if isinstance(m, SpeechStarted)]
        pause = next((m for m in reversed(marks) if isinstance(m, Pause)), None)
        after = self.samples + len(pcm)
        self._appends += 1
        chunk = Chunk(
            number=self._appends,
            pcm=pcm,
            samples_before=self.samples,
            samples_after=after,
            bytes_after=bytes_after,
            snapshot=snapshot,
            keep_from=max(0, open_start if open_start is not None else after - PREROLL_KEPT),
            ended=self.ended + len(endpoints),
            marks=endpoints,
            events=tuple(event for mark in marks if (event := self._told(mark))),
            ack=ack,
        )
        with tracing.span("append", self._trace(marks[-1].utterance) if marks else "", samples=len(pcm)):
            status, next_utterance = await self._log.append(self.owner, chunk, ttl_s=self._ttl_s)
        if status == "gone":
            raise NotFound("the session has expired", field="session")
        if status == "taken":
            raise Conflict("another connection has resumed this session", field="session")
        self.samples, self.ended = after, chunk.ended
        self._starts |= {mark.utterance: mark.start for mark in started}
        self.note_progress(next_utterance)
        metrics.AUDIO_SECONDS.labels(self._kind).inc(len(pcm) / SAMPLE_RATE)
        for mark in endpoints:
            await self._enqueue(mark)
        if drafts and pause and pause.utterance >= self.ended:
            await self._enqueue(_with_options(pause, options_of), draft=True)

    async def enqueue_outstanding(self) -> None:
        """Asks again for every final that is outstanding; a worker drops those that are already decided."""
        for mark in await self._log.endpoints_after(self.next_utterance):
            self._starts[mark.utterance] = mark.start
            await self._enqueue(mark)

    def note_progress(self, next_utterance: int) -> None:
        self.next_utterance = next_utterance
        for utterance in [u for u in self._starts if u < next_utterance]:
            del self._starts[utterance]

    async def _enqueue(self, mark: EndpointMark, *, draft: bool = False) -> None:
        await self.enqueue(
            Turn(self._kind, self.session, mark.utterance, mark.start, mark.end, mark.speech_end, mark.options, draft)
        )

    async def enqueue(self, turn: Turn) -> None:
        """Asks for a turn, in the trace of its utterance."""
        with tracing.span("enqueue", self._trace(turn.utterance), kind=turn.kind, draft=turn.draft) as span:
            await self.turns.enqueue(replace(turn, trace=span.traceparent) if span.traceparent else turn)

    def _trace(self, utterance: int) -> str:
        return tracing.utterance(self.session, utterance, model=self.turns.model) if self._traced else ""

    def _told(self, mark: Mark) -> Event | None:
        """The event of a mark; a pause is none, it may yet go on as speech."""
        utterance = {"id": f"{self.session}.{mark.utterance}"}
        if isinstance(mark, SpeechStarted):
            return {"type": "speech_started"} | utterance | {"start": round(mark.start / SAMPLE_RATE, 3)}
        if isinstance(mark, Endpoint):
            end = round(mark.speech_end / SAMPLE_RATE, 3)
            return {"type": "speech_ended"} | utterance | {"end": end, "cause": mark.cause}
        return None


def _with_options(mark: Endpoint | Pause, options_of: Callable[[int], dict[str, Any]]) -> EndpointMark:
    return EndpointMark(mark.utterance, mark.start, mark.end, mark.speech_end, options_of(mark.utterance))
