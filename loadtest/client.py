"""One client that speaks a stream in real time, over any protocol, and notes when every event arrives."""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sotto_client import ApiError, Event, SottoClientError, Stream, StreamOptions
from websockets.exceptions import InvalidStatus, WebSocketException

from loadtest.corpus import SpokenStream
from loadtest.pacing import Pacer
from loadtest.timings import Arrival, StreamLog
from loadtest.wires import DeepgramWire, Frame, RealtimeWire, Wire
from service.transcript import SAMPLE_RATE

Protocol = Literal["sotto", "openai", "deepgram"]
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Speech:
    """How a client speaks: `chunk_ms` of audio at a time; `last_words_s`: patience with the server at its end."""

    language: str
    model: str | None = None
    chunk_ms: int = 100
    interim: bool = True
    keywords: tuple[str, ...] = ()
    last_words_s: float = 60.0


class Line(ABC):
    """A live stream of one protocol."""

    @abstractmethod
    def frames(self, spoken: SpokenStream) -> Sequence[Frame]:
        """All that is sent, a chunk each."""

    @abstractmethod
    async def send(self, frame: Frame) -> None:
        """Hands a chunk on."""

    @abstractmethod
    async def finish(self) -> None:
        """No more audio comes."""

    @abstractmethod
    def events(self) -> AsyncIterator[Event]:
        """What the server tells, until the stream is finished."""


class SottoLine(Line):
    """Sotto's own client: it resumes by itself."""

    def __init__(self, live: Stream, speech: Speech) -> None:
        self._live = live
        self._step = SAMPLE_RATE * speech.chunk_ms // 1000

    def frames(self, spoken: SpokenStream) -> Sequence[Frame]:
        samples = spoken.samples
        return [samples[at : at + self._step].tobytes() for at in range(0, len(samples), self._step)]

    async def send(self, frame: Frame) -> None:
        assert isinstance(frame, bytes)
        await self._live.send_audio(frame)

    async def finish(self) -> None:
        await self._live.finish()

    def events(self) -> AsyncIterator[Event]:
        return self._live


class VendorLine(Line):
    """A vendor's protocol, so that servers that speak it can be measured by the same client."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._ending = asyncio.Event()

    def frames(self, spoken: SpokenStream) -> Sequence[Frame]:
        return self._wire.frames(spoken.samples)

    async def send(self, frame: Frame) -> None:
        await self._wire.send(frame)

    async def finish(self) -> None:
        if goodbye := self._wire.goodbye():
            await self._wire.send(goodbye)
        else:
            self._ending.set()

    async def events(self) -> AsyncIterator[Event]:
        """Where the protocol has no last message, until nothing that was heard waits for its final."""
        arriving = self._wire.events()
        following: asyncio.Task[Event] | None = None
        try:
            while not (self._ending.is_set() and self._wire.settled):
                following = following or asyncio.ensure_future(anext(arriving))
                done, _ = await asyncio.wait((following,), timeout=_LOOK_S)
                if done:
                    event, following = following.result(), None
                    yield event
        except StopAsyncIteration:
            return
        finally:
            if following:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)


@contextlib.asynccontextmanager
async def line(url: str, protocol: Protocol, speech: Speech, api_key: str | None) -> AsyncIterator[Line]:
    """An open stream."""
    if protocol == "sotto":
        options = StreamOptions(
            language=speech.language,
            model=speech.model,
            interim=speech.interim,
            keywords=speech.keywords or None,
        )
        async with Stream(url, options, api_key=api_key) as live:
            yield SottoLine(live, speech)
        return
    kind = RealtimeWire if protocol == "openai" else DeepgramWire
    wire = kind(
        turns=True,
        frame_ms=speech.chunk_ms,
        language=speech.language,
        model=speech.model,
        keywords=speech.keywords,
    )
    async with wire.connected(url, api_key=api_key):
        yield VendorLine(wire)


class Client:
    """`opened_s`: how long opening took, None before it; `started_at`: the loop's time of its first sample."""

    def __init__(self, url: str, protocol: Protocol, speech: Speech, *, api_key: str | None = None) -> None:
        self._url = url
        self._protocol = protocol
        self._speech = speech
        self._api_key = api_key
        self.opened_s: float | None = None
        self.started_at = asyncio.get_running_loop().time()

    async def dictate(self, spoken: SpokenStream) -> StreamLog:
        """Speaks and listens to the end; a failure is told in the log."""
        clock = asyncio.get_running_loop().time
        pacer = Pacer(1.0)
        arrivals: list[Arrival] = []
        error: str | None = None
        duration = len(spoken.samples) / SAMPLE_RATE
        begun = clock()
        try:
            async with (
                asyncio.timeout(duration + self._speech.last_words_s),
                line(self._url, self._protocol, self._speech, self._api_key) as live,
                asyncio.TaskGroup() as group,
            ):
                self.opened_s = clock() - begun
                pacer.started_at = self.started_at = clock()
                group.create_task(self._speak(live, spoken, pacer))
                async for event in live.events():
                    arrivals.append(Arrival(clock() - self.started_at, event))
        except* (SottoClientError, WebSocketException, OSError, RuntimeError, TimeoutError) as failures:
            error = code_of(failures)
        return StreamLog(spoken.utterances, tuple(arrivals), duration, tuple(pacer.lateness_s), error, spoken.audible)

    async def _speak(self, live: Line, spoken: SpokenStream, pacer: Pacer) -> None:
        seconds = self._speech.chunk_ms / 1000
        for frame in live.frames(spoken):
            await pacer.wait(seconds)
            await live.send(frame)
        await live.finish()


def code_of(failures: BaseExceptionGroup[BaseException]) -> str:
    """The first failure, in a word or two that can be counted."""
    first: BaseException = failures
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    if isinstance(first, ApiError):
        return first.code
    if isinstance(first, InvalidStatus):
        return f"HTTP {first.response.status_code}"
    if isinstance(first, TimeoutError):
        return "not finished in time"
    return type(first).__name__ if not isinstance(first, RuntimeError) else str(first)[:80]
