import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from service.audio.vad import Pcm, SileroVad

DATA = Path(__file__).parents[2] / "data"

Recording = Callable[[str], Pcm]


@pytest.fixture(scope="session")
def vad() -> SileroVad:
    return SileroVad()


@pytest.fixture(scope="session")
def manifest() -> dict[str, dict[str, Any]]:
    lines = (DATA / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


@pytest.fixture(scope="session")
def recording(manifest: dict[str, dict[str, Any]]) -> Recording:
    """Loads a shipped recording by its id: int16 [samples], 16 kHz mono."""

    def load(name: str) -> Pcm:
        with av.open(str(DATA / manifest[name]["audio"])) as container:
            return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)]).astype(np.int16)

    return load
