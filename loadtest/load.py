"""Runs the clients of one process: those of a scenario whose number falls to its shard."""

import asyncio
import contextlib
import io
import tempfile
import time
import wave
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from sotto_client import AsyncSottoClient, SottoClientError

from loadtest.client import Client, Protocol, Speech, code_of
from loadtest.corpus import Clip, SpokenStream, build_streams, load_manifest, names, with_audible
from loadtest.figures import TICK_S, Figures
from loadtest.network import BadNetwork
from loadtest.processes import own_cpu_s
from loadtest.scenario import Group, Scenario
from service import event_loop
from service.errors import BadRequest
from service.log.tasks import cancel_tasks
from service.transcript import SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Shard:
    """The clients whose number, divided by `of`, leaves `index`."""

    index: int = 0
    of: int = 1

    def numbers(self, clients: int) -> range:
        return range(self.index, clients, self.of)

    def part(self, index: int, of: int) -> "Shard":
        """One of `of` parts of this shard."""
        return Shard(self.index + self.of * index, self.of * of)


@dataclass(frozen=True, slots=True)
class Target:
    """The server that is measured."""

    url: str
    protocol: Protocol = "sotto"
    api_key: str | None = None


def run_shard(scenario: Scenario, target: Target, manifest: Path, shard: Shard, starts_at: float) -> Figures:
    """What the shard's clients measured; `starts_at`: Unix time of the run's second 0, the same for all shards."""
    with tempfile.TemporaryDirectory(prefix="sotto-load-") as folder:
        return event_loop.run(Load(scenario, target, manifest, shard, Path(folder)).run(starts_at))


class Load:
    def __init__(self, scenario: Scenario, target: Target, manifest: Path, shard: Shard, folder: Path) -> None:
        """Builds all audio. Raises BadRequest for a manifest that cannot be used or a protocol that cannot do it."""
        if target.protocol != "sotto" and any(group.kind != "live" for group in scenario.groups):
            raise BadRequest("uploads and jobs are Sotto's own; other protocols speak live only", field="protocol")
        self._scenario = scenario
        self._target = target
        self._shard = shard
        self._folder = folder
        self._figures = Figures()
        self._open = 0
        clips = load_manifest(manifest, scenario.language)
        self._spoken = {group.name: list(self._recordings(group, clips)) for group in scenario.groups}

    def _recordings(self, group: Group, clips: list[Clip]) -> Iterator[SpokenStream]:
        scenario = self._scenario
        count = min(group.clients, scenario.distinct)
        mine = {number % count for number in self._shard.numbers(group.clients)}
        for number, spoken in enumerate(build_streams(clips, count=count, seconds=group.seconds, seed=scenario.seed)):
            wanted = scenario.added_latency and group.kind == "live" and number in mine
            yield with_audible(spoken, group.chunk_ms) if wanted else spoken

    async def run(self, starts_at: float) -> Figures:
        cpu_before_s = own_cpu_s()
        await asyncio.sleep(max(0.0, starts_at - time.time()))
        self._zero = asyncio.get_running_loop().time()
        counting = asyncio.create_task(self._count_open())
        try:
            async with asyncio.TaskGroup() as clients:
                for group in self._scenario.groups:
                    for number in self._shard.numbers(group.clients):
                        clients.create_task(self._live_through(group, number))
        finally:
            await cancel_tasks([counting])
        self._figures.client_cpu_s = own_cpu_s() - cpu_before_s
        return self._figures

    @property
    def _now_s(self) -> float:
        return asyncio.get_running_loop().time() - self._zero

    async def _count_open(self) -> None:
        while True:
            tick = self._figures.tick(self._now_s)
            tick.open_streams = max(tick.open_streams, self._open)
            await asyncio.sleep(TICK_S / 10)

    async def _live_through(self, group: Group, number: int) -> None:
        """A client, from its coming to its end."""
        await asyncio.sleep(max(0.0, group.start_s + group.over_s * number / group.clients - self._now_s))
        turn = number
        while True:
            spoken = self._spoken[group.name][turn % len(self._spoken[group.name])]
            if group.kind == "live":
                await self._dictate(group, spoken)
            else:
                await self._upload(group, spoken)
            turn += 1
            if self._now_s >= group.until_s:
                return

    # ---- live

    async def _dictate(self, group: Group, spoken: SpokenStream) -> None:
        scenario, target = self._scenario, self._target
        speech = Speech(
            language=scenario.language,
            model=scenario.model,
            chunk_ms=group.chunk_ms,
            interim=group.interim,
            keywords=names(group.keywords, scenario.seed),
            last_words_s=scenario.last_words_s,
        )
        async with self._reached(group) as url:
            client = Client(url, target.protocol, speech, api_key=target.api_key)
            self._open += 1
            try:
                log = await client.dictate(spoken)
            finally:
                self._open -= 1
        if client.opened_s is not None:
            self._figures.latency["opening"].add(client.opened_s)
        self._figures.add_stream(log, started_s=client.started_at - self._zero)

    @contextlib.asynccontextmanager
    async def _reached(self, group: Group) -> AsyncIterator[str]:
        if group.network.is_perfect:
            yield self._target.url
            return
        between = BadNetwork(self._target.url, group.network)
        async with between.running() as url:
            yield url
        self._figures.counts["connections_cut"] += between.cuts

    # ---- recordings

    async def _upload(self, group: Group, spoken: SpokenStream) -> None:
        scenario, figures = self._scenario, self._figures
        path = self._file_of(group, spoken)
        begun = self._now_s
        try:
            async with AsyncSottoClient(self._target.url, api_key=self._target.api_key) as client:
                if group.kind == "rest":
                    await client.transcribe(path, language=scenario.language, model=scenario.model)
                    figures.counts["uploads"] += 1
                    figures.latency["upload"].add(self._now_s - begun)
                else:
                    job = await client.submit_job(path, language=scenario.language, model=scenario.model)
                    await client.wait_for_job(job.id, poll_s=0.5)
                    figures.counts["jobs"] += 1
                    figures.latency["job"].add(self._now_s - begun)
        except (SottoClientError, OSError) as failure:
            figures.fail(code_of(BaseExceptionGroup("", [failure])), self._now_s)
            return
        figures.recorded_s += len(spoken.samples) / SAMPLE_RATE
        figures.working_s = max(figures.working_s, self._now_s - group.start_s)

    def _file_of(self, group: Group, spoken: SpokenStream) -> Path:
        """The recording as a WAV file, written once."""
        path = self._folder / f"{group.name}-{id(spoken)}.wav"
        if not path.exists():
            written = io.BytesIO()
            with wave.open(written, "wb") as out:
                out.setnchannels(1)
                out.setsampwidth(2)
                out.setframerate(SAMPLE_RATE)
                out.writeframes(spoken.samples.tobytes())
            path.write_bytes(written.getvalue())
        return path
