"""Paced clients: each speaks one stream in real time and notes when every event arrives."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from sotto_client import ApiError, SottoClientError, Stream, StreamOptions

from loadtest.corpus import SpokenStream
from loadtest.pacing import Pacer
from loadtest.timings import Arrival, StreamLog
from service.transcript import SAMPLE_RATE

_BYTES_PER_SECOND = 2 * SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the clients do. `stagger_s`: between the starts of two clients; None spreads them over 5 s."""

    clients: int = 10
    seconds: float = 60.0
    stagger_s: float | None = None
    language: str = "en"
    model: str | None = None
    chunk_ms: int = 100
    last_words_s: float = 60.0
    seed: int = 1

    @property
    def start_interval_s(self) -> float:
        return 5.0 / self.clients if self.stagger_s is None else self.stagger_s


async def run_clients(
    url: str, streams: Sequence[SpokenStream], scenario: Scenario, *, api_key: str | None = None
) -> list[StreamLog]:
    """One log per stream, in order; a client that fails says so in its log and disturbs no other."""
    return await asyncio.gather(
        *(
            _run_client(url, stream, scenario, api_key, delay_s=index * scenario.start_interval_s)
            for index, stream in enumerate(streams)
        )
    )


async def _run_client(
    url: str, spoken: SpokenStream, scenario: Scenario, api_key: str | None, *, delay_s: float
) -> StreamLog:
    await asyncio.sleep(delay_s)
    pacer = Pacer(_BYTES_PER_SECOND)
    arrivals: list[Arrival] = []
    error: str | None = None
    options = StreamOptions(language=scenario.language, model=scenario.model)
    try:
        async with (
            asyncio.timeout(len(spoken.samples) / SAMPLE_RATE + scenario.last_words_s),
            Stream(url, options, api_key=api_key) as live,
        ):
            speaking = asyncio.create_task(_speak(live, spoken, pacer, scenario.chunk_ms))
            try:
                await _listen(live, pacer, arrivals)
                await speaking
            finally:
                speaking.cancel()
                await asyncio.gather(speaking, return_exceptions=True)
    except ApiError as failure:
        error = failure.code
    except SottoClientError as failure:
        error = type(failure).__name__
    except TimeoutError:
        error = "not finished in time"
    return StreamLog(
        spoken.utterances, tuple(arrivals), len(spoken.samples) / SAMPLE_RATE, tuple(pacer.lateness_s), error
    )


async def _speak(live: Stream, spoken: SpokenStream, pacer: Pacer, chunk_ms: int) -> None:
    async for chunk in pacer.pace(_chunks(spoken, chunk_ms)):
        await live.send_audio(chunk)
    await live.finish()


async def _listen(live: Stream, pacer: Pacer, arrivals: list[Arrival]) -> None:
    clock = asyncio.get_running_loop().time
    async for event in live:
        if pacer.started_at is not None:
            arrivals.append(Arrival(clock() - pacer.started_at, event))


async def _chunks(spoken: SpokenStream, chunk_ms: int) -> AsyncIterator[bytes]:
    step = SAMPLE_RATE * chunk_ms // 1000
    for start in range(0, len(spoken.samples), step):
        yield spoken.samples[start : start + step].tobytes()
