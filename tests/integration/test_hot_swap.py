"""A worker process and the models in it, on a real Redis, with decoders that are made up."""

import asyncio
import threading
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from service.decoding.utterance import DecodeResult, Timings, Utterance
from service.errors import BadRequest, ModelUnavailable, NoWorkers, UnknownModel
from service.gateway import routing
from service.gateway.admission import Admission
from service.log.deployment import Canary, Deployments
from service.log.store import Store
from service.log.turns import Turn, TurnQueue
from service.log.uses import Uses
from service.log.workers import HeldModel, HostRegistry, WorkerRegistry
from service.settings import Settings
from service.worker import host, residency
from service.worker.device import Placement
from service.worker.host import Host, HostOptions
from service.worker.inventory import MB
from service.worker.model_folder import ModelFiles

OWN = "own"
SETTINGS = Settings(model=OWN, key_prefix="test")
PLACEMENT = Placement("cpu", "int8", slots=2, max_batch=4, gather_ms=0.0)


class Decoder:
    languages = ("en",)

    def decode(self, batch: Sequence[Utterance]) -> DecodeResult:
        return DecodeResult((), Timings(batch_size=len(batch)))


class Models:
    """A disk with models of 100 MB. `broken` ones fail to load; loading waits while `open` is not set."""

    def __init__(self) -> None:
        self.there = {OWN, "b", "c"}
        self.broken: set[str] = set()
        self.open = threading.Event()
        self.open.set()
        self.loads: Counter[str] = Counter()
        self.decoders: dict[str, weakref.ref[Decoder]] = {}

    def ids(self) -> tuple[str, ...]:
        return tuple(sorted(self.there))

    def find(self, model: str) -> ModelFiles:
        if model not in self.there:
            raise UnknownModel(f"no {model} here", field="model")
        return ModelFiles(Path(model), 100 * MB, Decoder.languages)

    def load(self, files: ModelFiles) -> Decoder:
        self.loads[files.path.name] += 1
        self.open.wait(30)
        if files.path.name in self.broken:
            raise RuntimeError("not a model at all")
        decoder = Decoder()
        self.decoders[files.path.name] = weakref.ref(decoder)
        return decoder


class Process:
    """A worker process without the process: killed, it leaves everything as it is."""

    def __init__(self, store: Store, models: Models, name: str = "p1", memory_mb: int = 0) -> None:
        options = HostOptions(name, OWN, memory_mb * MB, claim_idle_ms=1_000, max_deliveries=3)
        self.name = name
        self.host = Host(store, models, PLACEMENT, options)
        self._store = store
        self._running = asyncio.create_task(self.host.run())

    async def held(self) -> dict[str, HeldModel]:
        return {m: held for each in await HostRegistry(self._store).alive() if each.id == self.name
                for m, held in each.models.items()}  # fmt: skip

    async def until(self, **states: str | None) -> None:
        """Waits until it says this of models; None: nothing."""

        async def said() -> bool:
            held = await self.held()
            return all((held[m].state if m in held else None) == state for m, state in states.items())

        await until(said)

    async def drain(self) -> None:
        self.host.drain()
        await self._running

    async def kill(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110  # what happens in Redis sets no event here
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "LOOK_S", 0.02)
    monkeypatch.setattr(residency, "GRACE_S", 0.1)


@pytest.fixture
def models() -> Models:
    return Models()


@pytest.fixture
async def process(store: Store, models: Models) -> AsyncIterator[Process]:
    process = Process(store, models)
    await process.until(own="loaded")
    yield process
    models.open.set()
    await process.drain()


@pytest.fixture
async def small(store: Store, models: Models) -> AsyncIterator[Process]:
    """A process with room for two models, which are in it."""
    process = Process(store, models, memory_mb=250)
    await process.until(own="loaded")
    await load(store, "b")
    await process.until(b="loaded")
    yield process
    await process.drain()


async def load(store: Store, model: str) -> None:
    await Deployments(store).change(lambda seen: routing.loaded(seen, model))


async def unload(store: Store, model: str) -> None:
    await Deployments(store).change(lambda seen: routing.unloaded(seen, model, OWN))


async def answered(store: Store, model: str) -> None:
    """Asks for a turn, and waits until it is off the queue. Its session is gone: that is answered without decoding."""
    queue = TurnQueue(store, model)
    await queue.enqueue(Turn("final", "s_gone", 0, 0, 16_000, 16_000, {}))

    async def empty() -> bool:
        return not any((await queue.lengths()).values())

    await until(empty)


async def test_a_model_is_loaded_beside_one_that_goes_on_working(
    store: Store, models: Models, process: Process
) -> None:
    models.open.clear()
    await load(store, "b")
    await process.until(own="loaded", b="loading")
    await answered(store, OWN)
    models.open.set()
    await process.until(own="loaded", b="loaded")
    await answered(store, "b")
    alive = await WorkerRegistry(store).alive()
    assert {(worker.model, worker.process, worker.cold) for worker in alive} == {
        (OWN, "p1", False),
        ("b", "p1", False),
    }


async def test_an_unloaded_model_stays_while_it_is_used_and_is_forgotten_then(
    store: Store, models: Models, process: Process
) -> None:
    await load(store, "b")
    await process.until(b="loaded")
    await Uses(store).hold([("b", "s_open")], 60)
    await unload(store, "b")
    await answered(store, "b")
    await asyncio.sleep(3 * residency.GRACE_S)  # the time after which it would go if nobody used it
    assert (await process.held())["b"].state == "loaded"
    assert models.decoders["b"]() is not None
    await Uses(store).release("b", "s_open")
    await process.until(own="loaded", b=None)
    assert models.decoders["b"]() is None, "still in memory"
    assert {worker.model for worker in await WorkerRegistry(store).alive()} == {OWN}


async def test_a_turn_that_comes_too_late_is_still_answered(store: Store, models: Models, process: Process) -> None:
    await load(store, "b")
    await process.until(b="loaded")
    await unload(store, "b")
    await process.until(b=None)
    await answered(store, "b")
    assert models.loads["b"] == 2
    await process.until(b=None)


async def test_a_load_that_fails_disturbs_nobody_and_is_tried_again_only_when_asked(
    store: Store, models: Models, process: Process
) -> None:
    models.broken.add("b")
    await load(store, "b")
    await process.until(own="loaded", b="failed")
    assert (await process.held())["b"].reason == "not a model at all"
    await load(store, "c")
    await process.until(b="failed", c="loaded")
    await answered(store, OWN)
    assert models.loads["b"] == 1
    models.broken.clear()
    await load(store, "b")
    await process.until(own="loaded", b="loaded", c="loaded")


async def test_a_model_that_made_room_for_one_that_fails_comes_back(
    store: Store, models: Models, small: Process
) -> None:
    await answered(store, "b")
    models.broken.add("c")
    await load(store, "c")
    await small.until(own="loaded", b="loaded", c="failed")
    assert models.loads[OWN] == 2


async def test_a_model_that_is_not_there_is_told(store: Store, models: Models, process: Process) -> None:
    await load(store, "nowhere")
    await process.until(own="loaded", nowhere="failed")
    assert (await process.held())["nowhere"].reason == "no nowhere here"


async def test_the_least_recently_used_goes_cold_and_comes_back_when_turns_wait(
    store: Store, models: Models, small: Process
) -> None:
    await answered(store, "b")
    await load(store, "c")
    await small.until(own="cold", b="loaded", c="loaded")

    async def told() -> bool:
        return {worker.model for worker in await WorkerRegistry(store).alive() if worker.cold} == {OWN}

    await until(told)
    assert models.decoders[OWN]() is None, "still in memory"
    await answered(store, "c")
    await answered(store, OWN)
    await small.until(own="loaded", b="cold", c="loaded")


async def test_a_model_in_use_is_never_let_go_and_what_does_not_fit_is_told(store: Store, small: Process) -> None:
    await Uses(store).hold([(OWN, "s_1"), ("b", "s_2")], 60)
    await load(store, "c")
    await small.until(own="loaded", b="loaded", c="no_room")
    assert "100 MB do not fit in 250 MB" in (await small.held())["c"].reason
    await Uses(store).release("b", "s_2")
    await small.until(own="loaded", b="cold", c="loaded")


async def test_a_killed_process_comes_back_with_its_models_also_those_that_only_finish_streams(
    store: Store, models: Models
) -> None:
    first = Process(store, models)
    for model in ("b", "c"):
        await load(store, model)
    await first.until(own="loaded", b="loaded", c="loaded")
    await Uses(store).hold([("b", "s_open")], 60)
    await unload(store, "b")
    await first.kill()
    second = Process(store, models, "p2")
    await second.until(own="loaded", b="loaded", c="loaded")
    await Uses(store).release("b", "s_open")
    await second.until(own="loaded", b=None, c="loaded")
    await second.drain()


async def test_a_process_killed_while_it_loads_loads_again(store: Store, models: Models) -> None:
    first = Process(store, models)
    await first.until(own="loaded")
    models.open.clear()
    await load(store, "b")
    await first.until(b="loading")
    await first.kill()
    models.open.set()
    second = Process(store, models, "p2")
    await second.until(own="loaded", b="loaded")
    await second.drain()


async def test_the_own_model_goes_when_it_is_unloaded(store: Store, models: Models, process: Process) -> None:
    await load(store, "b")
    await process.until(b="loaded")
    await Deployments(store).change(lambda seen: routing.switched(seen, routing.DEFAULT, "b", OWN))
    await unload(store, OWN)
    await process.until(own=None, b="loaded")


async def routed(store: Store, asked: str | None, *, tenant: str | None = None, language: str = "en") -> str:
    """What a gateway that has just started would answer."""
    return await Admission(store, SETTINGS).model(asked, language, tenant=tenant)


async def test_requests_follow_the_aliases(store: Store, process: Process) -> None:
    assert [await routed(store, asked) for asked in (None, "whisper-1", "default", OWN)] == [OWN] * 4
    await load(store, "b")
    await process.until(b="loaded")
    await Deployments(store).change(lambda seen: routing.with_canary(seen, "default", Canary("b", 0, ("acme",)), OWN))
    assert (await routed(store, None, tenant="acme"), await routed(store, None, tenant="zeta")) == ("b", OWN)
    await Deployments(store).change(lambda seen: routing.switched(seen, "default", "b", OWN))
    assert [await routed(store, asked) for asked in (None, "whisper-1", "default", OWN)] == ["b", "b", "b", OWN]
    with pytest.raises(BadRequest, match="not a language that b knows"):
        await routed(store, None, language="fr")
    with pytest.raises(UnknownModel):
        await routed(store, "nowhere")


async def test_an_unloaded_model_takes_no_new_work_while_streams_finish_on_it(store: Store, process: Process) -> None:
    await load(store, "b")
    await process.until(b="loaded")
    await Uses(store).hold([("b", "s_open")], 60)
    await unload(store, "b")
    admission = Admission(store, SETTINGS)
    with pytest.raises(UnknownModel):
        await admission.model("b", None)
    assert (await admission.load()).offered.keys() == {OWN}
    await admission.check_language("b", "en")


async def test_a_cold_model_takes_new_work_and_one_that_failed_does_not(store: Store, small: Process) -> None:
    await answered(store, "b")
    await load(store, "c")
    await load(store, "nowhere")
    await small.until(own="cold", c="loaded", nowhere="failed")
    assert await routed(store, None) == OWN
    with pytest.raises(NoWorkers):
        await routed(store, "nowhere")


async def test_a_process_that_can_serve_nothing_ends_with_the_reason(store: Store, models: Models) -> None:
    models.there.clear()
    process = Host(store, models, PLACEMENT, HostOptions("p1", OWN, 0, claim_idle_ms=1_000, max_deliveries=3))
    with pytest.raises(ModelUnavailable, match="no own here"):
        await process.run()
    assert await HostRegistry(store).alive() == []


async def test_a_process_that_drains_signs_off(store: Store, models: Models) -> None:
    process = Process(store, models)
    await process.until(own="loaded")
    await process.drain()
    assert (await HostRegistry(store).alive(), await WorkerRegistry(store).alive()) == ([], [])


async def test_changes_at_the_same_time_are_all_made(store: Store) -> None:
    names = [f"m{number}" for number in range(20)]
    await asyncio.gather(*(load(store, name) for name in names))
    assert set((await Deployments(store).read()).models) == set(names)
