"""Transcripts of many recordings through a server, as any client would ask for them, several at once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sotto_client
from sotto_client import AsyncSottoClient, Final, Problem, SottoClientError, Stream, StreamOptions

from loadtest.corpus import read_clip
from loadtest.pacing import Pacer
from service.errors import BadRequest, Failed
from service.transcript import SAMPLE_RATE

CHUNK_SAMPLES = SAMPLE_RATE // 10
UNSPACED = ("zh", "ja")
TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class Wish:
    """One recording and what is asked of the server; None leaves the choice to it (`language` None: detect).

    `keywords` are entries of a bias list, `bias_lists` names of such lists on the server.
    """

    audio: Path
    language: str | None = None
    model: str | None = None
    keywords: tuple[str, ...] = ()
    bias_lists: tuple[str, ...] = ()
    bias_strength: float | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What is asked for, as the client's calls take it."""
        wanted = asdict(self)
        return {name: value for name, value in wanted.items() if name != "audio" and value not in (None, ())}


async def transcripts(
    url: str,
    wishes: Sequence[Wish],
    *,
    api_key: str | None = None,
    live: bool = False,
    clients: int = 4,
    heard: Callable[[], None] = lambda: None,
) -> list[str]:
    """One text for each wish, in their order; `clients` at once, `heard` is called after each.

    `live`: as streams in real time instead of uploads. Raises BadRequest for a recording or an option that the server
    does not take, Failed when it cannot be reached, refuses or fails; both name the recording.
    """
    places = asyncio.Semaphore(clients)

    async def one(client: AsyncSottoClient, wish: Wish) -> str:
        async with places:
            try:
                if live:
                    text = await _streamed(url, wish, api_key)
                else:
                    text = await client.transcribe_as("text", wish.audio, **wish.options)
            except SottoClientError as error:
                kind = BadRequest if isinstance(error, sotto_client.BadRequest | sotto_client.NotFound) else Failed
                raise kind(f"{wish.audio}: {error}", field=getattr(error, "field", None)) from error
        heard()
        return text.strip()

    async with AsyncSottoClient(url, api_key=api_key, timeout_s=TIMEOUT_S) as client:
        return list(await asyncio.gather(*(one(client, wish) for wish in wishes)))


async def _streamed(url: str, wish: Wish, api_key: str | None) -> str:
    samples = await asyncio.to_thread(read_clip, wish.audio)

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(samples), CHUNK_SAMPLES):
            yield samples[at : at + CHUNK_SAMPLES].astype("<i2").tobytes()

    async def speak(live: Stream) -> None:
        async for chunk in Pacer(2 * SAMPLE_RATE).pace(chunks()):
            await live.send_audio(chunk)
        await live.finish()

    async with Stream(url, StreamOptions(**wish.options), api_key=api_key) as live:
        speaking = asyncio.create_task(speak(live))
        try:
            texts = []
            async for event in live:
                if isinstance(event, Problem):
                    raise Failed(f"{wish.audio}: {event.message}")
                if isinstance(event, Final):
                    texts.append(event.text)
            await speaking
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
    return ("" if wish.language in UNSPACED else " ").join(text for text in texts if text)
