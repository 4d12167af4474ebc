"""How many times faster than real time a long recording is transcribed.

    python -m loadtest.offline [--manifest M.jsonl] [--minutes 10] [--runs 3] [--compare]

Joins a manifest's clips with pauses to one recording, uploads it to a private server, and with `--compare` decodes it
with plain batched faster-whisper in the same run, alternately, so that a busy machine slows both alike.
"""

import argparse
import os
import tempfile
import time
import wave
from pathlib import Path
from statistics import median

import httpx
import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from rich.console import Console
from sotto_client import SottoClient

from loadtest.accuracy import word_errors
from loadtest.corpus import SpokenStream, build_streams, load_manifest
from loadtest.shipped import MANIFEST
from service.commands.serving import ensure_model, private_server
from service.settings import Settings
from service.transcript import SAMPLE_RATE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, default=MANIFEST)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--compare", action="store_true", help="also time plain batched faster-whisper")
    arguments = parser.parse_args()
    [spoken] = build_streams(load_manifest(arguments.manifest, "en"), count=1, seconds=60 * arguments.minutes, seed=1)
    console = Console()
    ours: list[float] = []
    theirs: dict[int, list[float]] = {1: [], 5: []}
    peer = _Peer() if arguments.compare else None
    with private_server() as url:
        for _ in range(arguments.runs):
            ours.append(_upload(url, spoken, console))
            for beam_size, speeds in theirs.items():
                if peer:
                    speeds.append(peer.transcribe(spoken, beam_size, console))
    console.print(f"Sotto: {median(ours):.1f} times real time (median of {len(ours)})")
    for beam_size, speeds in theirs.items():
        if speeds:
            console.print(f"batched faster-whisper, beam {beam_size}: {median(speeds):.1f} times real time")


def _upload(url: str, spoken: SpokenStream, console: Console) -> float:
    with tempfile.TemporaryDirectory() as folder, SottoClient(url, timeout_s=3600) as client:
        path = Path(folder) / "recording.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(spoken.samples.astype("<i2").tobytes())
        busy_before, started = _decoding_s(url), time.perf_counter()
        text = client.transcribe_as("text", path, language="en")
        seconds = time.perf_counter() - started
        share = (_decoding_s(url) - busy_before) / (seconds * len(os.sched_getaffinity(0)))
        console.print(f"  decode slots inside CTranslate2: {100 * share:.0f} % of the time")
        return _report("Sotto", spoken, text, seconds, console)


def _decoding_s(url: str) -> float:
    """Seconds that the worker's slots have spent in CTranslate2 and features so far."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("sotto_stage_seconds_sum"))


class _Peer:
    """faster-whisper's own batched pipeline, the same model, both cores."""

    def __init__(self) -> None:
        folder = ensure_model(Settings())
        model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=2)
        self._pipeline = BatchedInferencePipeline(model)

    def transcribe(self, spoken: SpokenStream, beam_size: int, console: Console) -> float:
        audio = spoken.samples.astype(np.float32) / 32768
        started = time.perf_counter()
        segments, _ = self._pipeline.transcribe(audio, language="en", beam_size=beam_size, batch_size=4)
        text = " ".join(segment.text for segment in segments)
        return _report(f"faster-whisper beam {beam_size}", spoken, text, time.perf_counter() - started, console)


def _report(name: str, spoken: SpokenStream, text: str, seconds: float, console: Console) -> float:
    speed = len(spoken.samples) / SAMPLE_RATE / seconds
    errors = word_errors(" ".join(u.text for u in spoken.utterances), text)
    console.print(f"  {name}: {speed:.1f} times real time, WER {100 * (errors.rate or 0):.1f} %")
    return speed


if __name__ == "__main__":
    main()
