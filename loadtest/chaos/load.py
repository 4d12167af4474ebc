"""Clients that go on whatever happens: streams that resume, jobs that are polled, uploads that are tried again."""

import asyncio
import io
import random
import time
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from sotto_client import (
    ApiError,
    Event,
    Final,
    Patience,
    Resumed,
    SottoClientError,
    Started,
    Stream,
    StreamOptions,
    Unreachable,
)

from loadtest.chaos.ledger import Hearing, Ledger, Said, broken_promises
from loadtest.corpus import Samples, SpokenStream
from loadtest.pacing import Pacer
from service.transcript import SAMPLE_RATE

CHUNK = SAMPLE_RATE // 10
BYTES_PER_SECOND = 2 * SAMPLE_RATE
LAST_WORDS_S = 90.0
AGAIN_S = 0.3
REFUSALS = {"at_capacity", "no_workers", "store_unavailable"}  # clear answers; the client comes again
REFUSED_STATUS = {429, 503}


@dataclass(frozen=True, slots=True)
class Script:
    """What is spoken, and what the undisturbed deployment makes of it, live and as a recording."""

    spoken: SpokenStream
    finals: tuple[Said, ...]
    text: str

    @property
    def seconds(self) -> float:
        return len(self.spoken.samples) / SAMPLE_RATE


class Load:
    """All clients of a run. `urls` are the gateways."""

    def __init__(self, urls: Sequence[str], key: str, ledger: Ledger, *, speed: float) -> None:
        self.ledger = ledger
        self._urls = tuple(urls)
        self._key = key
        self._speed = speed
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def learn(self, spoken: Sequence[SpokenStream]) -> list[Script]:
        """The undisturbed run. Raises RuntimeError when it is not in order itself."""
        scripts = await asyncio.gather(*(self._learn(each) for each in spoken))
        if not all(script.finals for script in scripts):
            raise RuntimeError("the undisturbed run has streams without finals")
        return scripts

    async def _learn(self, spoken: SpokenStream) -> Script:
        events = await self._dictate(spoken, Hearing(), self._urls)
        finals = tuple(Said(e.text, e.start, e.end) for e in events if isinstance(e, Final))
        if wrong := broken_promises(events, finals, len(spoken.samples) / SAMPLE_RATE):
            raise RuntimeError(f"the undisturbed run is not in order: {wrong}")
        async with self._client(self._urls[0]) as client:
            answer = await client.post("/v1/audio/transcriptions", **_upload(spoken.samples))
            answer.raise_for_status()
        return Script(spoken, finals, answer.json()["text"])

    def start(self, scripts: Sequence[Script], *, streams: int, seed: int) -> None:
        for number in range(streams):
            rng = random.Random(f"{seed}/stream/{number}")
            self._go(self._speak_on(number, scripts, self.ledger.join(), rng))
        self._go(self._again_and_again(self._job, scripts, random.Random(f"{seed}/job")))
        self._go(self._again_and_again(self._recording, scripts, random.Random(f"{seed}/upload")))

    def _go(self, client: Awaitable[None]) -> None:
        self._tasks.append(asyncio.ensure_future(client))

    async def stop(self) -> None:
        """Everybody comes to the end of what is begun. Raises what ended a client, if anything did."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)

    # ---- streams

    async def _speak_on(self, number: int, scripts: Sequence[Script], hearing: Hearing, rng: random.Random) -> None:
        while not self._stopping.is_set():
            script = rng.choice(scripts)
            urls = rng.sample(self._urls, len(self._urls))
            name = f"stream {number}"
            try:
                events = await self._dictate(script.spoken, hearing, urls)
            except (ApiError, Unreachable) as error:
                code = getattr(error, "code", "unreachable")
                if hearing.waiting or (code not in REFUSALS and not isinstance(error, Unreachable)):
                    self.ledger.accuse(time.monotonic(), name, f"{type(error).__name__} {code}: {error}")
                else:
                    self.ledger.counts[f"refused: {code}"] += 1
                await asyncio.sleep(AGAIN_S)
            except (SottoClientError, TimeoutError) as error:
                self.ledger.accuse(time.monotonic(), name, f"{type(error).__name__}: {error}")
            else:
                self.ledger.counts["streams"] += 1
                self.ledger.counts["resumptions"] += sum(isinstance(event, Resumed) for event in events)
                self.ledger.counts["events"] += len(events)
                self.ledger.counts["audio_s"] += round(script.seconds)
                for wrong in broken_promises(events, script.finals, script.seconds):
                    session = next((e.session for e in events if isinstance(e, Started)), "")
                    self.ledger.accuse(time.monotonic(), f"{name} {session}", wrong)
            hearing.waiting.clear()
        self.ledger.hearings.remove(hearing)

    async def _dictate(self, spoken: SpokenStream, hearing: Hearing, urls: Sequence[str]) -> list[Event]:
        """Speaks one stream to its end; its events. Raises SottoClientError, TimeoutError."""
        events: list[Event] = []
        try:
            await self._talk(spoken, hearing, urls, events)
        except TimeoutError:
            raise TimeoutError(f"not finished; it began with {events[:1]} and was told at last {events[-4:]}") from None
        return events

    async def _talk(self, spoken: SpokenStream, hearing: Hearing, urls: Sequence[str], events: list[Event]) -> None:
        options = StreamOptions(language="en")
        patience = Patience(reconnect_s=LAST_WORDS_S)
        async with (
            asyncio.timeout(len(spoken.samples) / SAMPLE_RATE / self._speed + LAST_WORDS_S),
            Stream(list(urls), options, api_key=self._key, patience=patience) as live,
        ):
            speaking = asyncio.create_task(self._speak(live, spoken.samples))
            try:
                async for event in live:
                    events.append(event)
                    now = time.monotonic()
                    if (took_s := hearing.note(event, now)) is not None:
                        self.ledger.finals_s.append((now, took_s))
                await speaking
            finally:
                speaking.cancel()
                await asyncio.gather(speaking, return_exceptions=True)

    async def _speak(self, live: Stream, samples: Samples) -> None:
        pacer = Pacer(BYTES_PER_SECOND, speed=self._speed)

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(samples), CHUNK):
                yield samples[start : start + CHUNK].tobytes()

        async for chunk in pacer.pace(chunks()):
            await live.send_audio(chunk)
        await live.finish()

    # ---- recordings

    async def _again_and_again(
        self,
        deliver: Callable[[httpx.AsyncClient, Script], Awaitable[None]],
        scripts: Sequence[Script],
        rng: random.Random,
    ) -> None:
        while not self._stopping.is_set():
            async with self._client(rng.choice(self._urls)) as client:
                try:
                    await deliver(client, rng.choice(scripts))
                except httpx.HTTPError:
                    self.ledger.counts["requests cut off"] += 1
            await asyncio.sleep(AGAIN_S)

    async def _recording(self, client: httpx.AsyncClient, script: Script) -> None:
        answer = await client.post("/v1/audio/transcriptions", **_upload(script.spoken.samples))
        if self._accepted(answer, "upload"):
            self.ledger.counts["uploads"] += 1
            self._compare("upload", answer.json()["text"], script.text)

    async def _job(self, client: httpx.AsyncClient, script: Script) -> None:
        """A job that was accepted must succeed, wherever one asks for it."""
        answer = await client.post("/v1/jobs", **_upload(script.spoken.samples))
        if not self._accepted(answer, "job"):
            return
        job, deadline = answer.json()["id"], time.monotonic() + LAST_WORDS_S
        asked = 0
        while time.monotonic() < deadline:
            await asyncio.sleep(AGAIN_S)
            asked += 1
            try:
                async with self._client(self._urls[asked % len(self._urls)], timeout_s=5) as other:
                    answer = await other.get(f"/v1/jobs/{job}")
            except httpx.HTTPError:
                continue
            if answer.status_code == 200 and answer.json()["status"] in ("succeeded", "failed", "cancelled"):
                break
            if answer.status_code not in (200, *REFUSED_STATUS):
                self.ledger.accuse(time.monotonic(), job, f"status {answer.status_code}: {answer.text[:200]}")
                return
        else:
            self.ledger.accuse(time.monotonic(), job, f"not done in {LAST_WORDS_S:.0f} s")
            return
        self.ledger.counts["jobs"] += 1
        if answer.json()["status"] != "succeeded":
            self.ledger.accuse(time.monotonic(), job, f"job: {answer.text[:200]}")
        else:
            self._compare(job, answer.json()["result"]["text"], script.text)

    def _accepted(self, answer: httpx.Response, what: str) -> bool:
        if answer.status_code in REFUSED_STATUS:
            self.ledger.counts[f"{what}s refused: {answer.status_code}"] += 1
        elif answer.status_code not in (200, 202):
            self.ledger.accuse(time.monotonic(), what, f"status {answer.status_code}: {answer.text[:200]}")
        return answer.status_code in (200, 202)

    def _compare(self, who: str, text: str, expected: str) -> None:
        if text != expected:
            self.ledger.accuse(time.monotonic(), who, f"reads {text[:60]!r}, not {expected[:60]!r}")

    def _client(self, url: str, *, timeout_s: float = LAST_WORDS_S) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=url, timeout=timeout_s, headers={"Authorization": f"Bearer {self._key}"}, trust_env=False
        )


def _upload(samples: Samples) -> dict[str, Any]:
    """The form of a recording, as httpx takes it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(samples.astype("<i2").tobytes())
    form = {"language": "en", "model": "base"}
    return {"data": form, "files": {"file": ("speech.wav", file.getvalue(), "audio/wav")}}
