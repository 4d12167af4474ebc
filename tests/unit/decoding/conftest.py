import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from service.decoding.whisper import WhisperDecoder

DATA = Path(__file__).parents[2] / "data"

Samples = npt.NDArray[np.int16]


@pytest.fixture(scope="session")
def decoder(base_model_dir: Path) -> WhisperDecoder:
    return WhisperDecoder(base_model_dir, device="cpu", compute_type="int8", threads=2)


@pytest.fixture(scope="session")
def clips() -> dict[str, dict[str, Any]]:
    """The shipped recordings' manifest, by id."""
    lines = (DATA / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return {clip["id"]: clip for clip in map(json.loads, lines)}


@pytest.fixture(scope="session")
def speech(clips: dict[str, dict[str, Any]]) -> Callable[[str], Samples]:
    """Samples of a shipped recording: int16 [n], mono, 16 kHz."""

    def load(name: str) -> Samples:
        with av.open(str(DATA / clips[name]["audio"])) as container:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
            frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
            frames += resampler.resample(None)
        return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.int16)

    return load
