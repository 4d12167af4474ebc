"""The TypeScript client under Node, and the page in a headless Chromium whose microphone is a file."""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from service.gateway.rest.page import FOLDER
from tests.browser.dictating import chromium
from tests.e2e.conftest import gateways, store

__all__ = ["gateways", "store"]  # fixtures of theirs, for the tests here

ROOT = Path(__file__).parents[2]
DRIVER = Path(__file__).parent / "stream_file.mjs"
CLIENT = ROOT / "clients" / "typescript"

StreamFile = Callable[..., Awaitable[list[dict[str, Any]]]]


@pytest.fixture(scope="session")
def node() -> str:
    binary = shutil.which("node")
    if binary is None:
        pytest.skip("no node on the PATH (Debian package nodejs)")
    if not (CLIENT / "dist" / "index.js").exists():
        pytest.skip("the TypeScript client is not built: make web (needs npm)")
    return binary


@pytest.fixture
def stream_file(node: str, tmp_path: Path) -> StreamFile:
    """Streams bytes through the TypeScript client; its events, and `failed` if the stream did."""

    async def stream(audio: bytes, url: str, **how: Any) -> list[dict[str, Any]]:
        file = tmp_path / "audio.raw"
        file.write_bytes(audio)
        how = {"url": url, "options": {"format": {"encoding": "pcm_s16le"}}} | how
        process = await asyncio.create_subprocess_exec(
            node, str(DRIVER), str(file), json.dumps(how), stdout=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(120):
                printed, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0
        return [json.loads(line) for line in printed.splitlines()]

    return stream


@pytest.fixture(scope="session")
def page_is_built() -> None:
    if chromium() is None:
        pytest.skip("no chromium on the PATH (Debian package chromium)")
    if not (FOLDER / "index.html").exists():
        pytest.skip("the web page is not built: make web (needs npm)")
