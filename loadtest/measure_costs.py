"""Measures the cost model of a real model on this machine's processor, from real speech.

    python -m loadtest.measure_costs --out loadtest/costs/base-cpu.json

What counts is CPU time, one batch after the other on one thread, so that others who use the machine do little
harm; what slots that are busy at once take from each other (memory, caches) is not in it.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from loadtest.corpus import Samples, load_manifest, read_clip
from loadtest.cost_model import CostModel, Measurement, fit
from service.decoding.utterance import DecodeOptions, Utterance
from service.decoding.whisper import WhisperDecoder
from service.decoding.windows import BUCKETS_S, MIN_PADDING
from service.settings import Settings
from service.transcript import SAMPLE_RATE
from service.worker.device import CPU_MAX_BATCH

STRETCHES = 8  # different utterances for each window


def utterances(speech: Samples, window_s: int) -> list[Samples]:
    """Stretches of the speech, each from half to all of what the window holds with its padding."""
    most = window_s * SAMPLE_RATE - MIN_PADDING
    lengths = np.linspace(most // 2, most, STRETCHES).astype(int)
    starts = np.linspace(0, len(speech) - most, STRETCHES).astype(int)
    return [speech[start : start + length] for start, length in zip(starts, lengths, strict=True)]


def measure(
    decoder: WhisperDecoder, spoken: Sequence[Samples], window_s: int, size: int, batches: int
) -> list[Measurement]:
    """Batches of so many of the utterances, which fill the window, and what each cost."""
    options = DecodeOptions(language="en")
    found = []
    for number in range(batches + 1):
        batch = [Utterance(spoken[(number * size + at) % len(spoken)], options) for at in range(size)]
        started = time.process_time()
        hypotheses = decoder.decode(batch).hypotheses
        seconds = time.process_time() - started
        tokens = max(sum(len(piece.tokens) for piece in hypothesis.pieces) for hypothesis in hypotheses)
        found.append(Measurement(float(window_s), size, tokens, seconds))
    return found[1:]  # the first allocates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, default=Path("tests/data/manifest.jsonl"))
    parser.add_argument("--model-dir", type=Path, default=Settings().data_dir / "models" / "base")
    parser.add_argument("--compute-type", default="int8")
    parser.add_argument("--slots", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--windows", type=int, nargs="+", default=BUCKETS_S, help="seconds")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, CPU_MAX_BATCH])
    parser.add_argument("--batches", type=int, default=6, help="of each kind")
    arguments = parser.parse_args()
    threadpool_limits(limits=1, user_api="blas")  # as the worker does
    decoder = WhisperDecoder(arguments.model_dir, device="cpu", compute_type=arguments.compute_type, threads=1)
    clips = load_manifest(arguments.manifest, "en")
    speech = np.concatenate([read_clip(clip.path) for clip in clips if not clip.segments])
    measured: list[Measurement] = []
    for window_s in arguments.windows:
        spoken = utterances(speech, window_s)
        for size in arguments.sizes:
            measured += measure(decoder, spoken, window_s, size, arguments.batches)
            print(f"{window_s} s windows, batch {size}: {measured[-1].seconds:.3f} s")
    on = f"a core of a CPU, {arguments.compute_type}, load average {os.getloadavg()[1]:.0f}"
    costs = CostModel(on, arguments.model_dir.name, arguments.slots, max(arguments.sizes), fit(measured))
    arguments.out.write_text(json.dumps(costs.dump(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
