"""A new version takes over while people dictate: real processes, real speech, and a worker that is killed meanwhile."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sotto_client import Stream, StreamOptions

from tests.e2e.scrape import scrape, total
from tests.integration.conftest import CHUNK, Dictation, dictating
from tests.stack import Stack

NEW = "base-v2"


@pytest.fixture
def versions(base_model_dir: Path, tmp_path: Path) -> Iterator[Stack]:
    """A deployment with two versions of base on its disk, whose gateway shows its worker's metrics, too."""
    for name in ("data/models", "stack", "metrics"):
        (tmp_path / name).mkdir(parents=True)
    for model in ("base", NEW):
        (tmp_path / "data" / "models" / model).symlink_to(base_model_dir, target_is_directory=True)
    stack = Stack(
        tmp_path / "stack",
        SOTTO_DATA_DIR=str(tmp_path / "data"),
        PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "metrics"),
        SOTTO_CLAIM_IDLE_MS="1000",
        SOTTO_DECODE_THREADS="1",
        SOTTO_IDLE_TIMEOUT_S="600",
    )
    try:
        yield stack
    finally:
        stack.close()


class Paused(Dictation):
    """Stops speaking in the middle of the recording until told to go on."""

    def __init__(self, stream: Stream, audio: bytes) -> None:
        super().__init__(stream, audio, pace=3.0)
        self.go_on = asyncio.Event()

    async def _send(self) -> None:
        middle = len(self._audio) // 2 // CHUNK * CHUNK
        for at in range(0, middle, CHUNK):
            await self._stream.send_audio(self._audio[at : at + CHUNK])
        await self.go_on.wait()
        self._audio = self._audio[middle:]
        await super()._send()


async def sotto_models(url: str, *arguments: str, status: int = 0) -> str:
    """What the command says, on either stream."""
    command = [sys.executable, "-m", "service.cli", "models", *arguments, "--url", url]
    finished = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    assert finished.returncode == status, finished.stderr
    return finished.stdout + finished.stderr


def finals(url: str, model: str) -> float:
    return total(scrape(url), "sotto_turns_total", model=model, kind="final", outcome="ok")


async def test_a_new_version_takes_over_and_streams_finish_on_the_one_they_began_with(
    versions: Stack, demo_speech: bytes, undisturbed: list[str]
) -> None:
    _, url = versions.gateway()
    worker = versions.worker()
    versions.ready(url)
    async with Stream(url, StreamOptions(language="en")) as stream:
        before = Paused(stream, demo_speech)
        before.start()
        await before.until_finals(1)
        assert await sotto_models(url, "load", NEW, "--wait") == f"{NEW}: loaded\n"
        assert await sotto_models(url, "alias", "default", NEW) == f"default: {NEW} 100 %\n"
        assert await sotto_models(url, "unload", "base") == "base: goes when what uses it (1) has ended\n"
        worker.kill()
        versions.worker()
        async with dictating(url, demo_speech, pace=5) as after:
            assert await after.done() == undisturbed
        assert finals(url, NEW) >= len(undisturbed)
        on_base = finals(url, "base")
        before.go_on.set()
        assert await before.done() == undisturbed
        assert finals(url, "base") > on_base
        assert before.seqs == sorted(set(before.seqs))

    async with httpx.AsyncClient(base_url=url, timeout=30) as api:
        gone = await api.post("/v1/audio/transcriptions", files={"file": b"R"}, data={"model": "base"})
        assert gone.json()["error"]["code"] == "model_not_found"
        assert "load it first" in await sotto_models(url, "rollback", "default", status=2)
        await sotto_models(url, "load", "base", "--wait")
        assert await sotto_models(url, "rollback", "default") == "default: base 100 %\n"
        swapped = finals(url, NEW)
        async with dictating(url, demo_speech[: 32_000 * 6], pace=5) as again:
            assert (await again.done())[0] == undisturbed[0]
        assert finals(url, NEW) == swapped
        table = await sotto_models(url, "status")
        assert NEW in table
        deployed = (await api.get("/v1/admin/models")).json()
    assert {model["id"]: model["aliases"] for model in deployed["data"]} == {"base": ["default"], NEW: []}
