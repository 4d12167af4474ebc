"""Measures the cost model of a real model on this machine's processor, from real speech.

    python -m loadtest.measure_costs --out loadtest/costs/base-cpu.json

As in a worker, all slots are busy at once; the median of the batches of a kind counts. Whoever else uses the machine
makes it slower: the file notes how many cores that were.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from threadpoolctl import threadpool_limits

from loadtest.corpus import Samples, load_manifest, read_clip
from loadtest.cost_model import CostModel, Measurement, fit
from loadtest.decoding_bench import joined
from loadtest.processes import machine_cpu_s, own_cpu_s
from service.decoding.utterance import DecodeOptions, Utterance
from service.decoding.whisper import WhisperDecoder
from service.decoding.windows import BUCKETS_S
from service.settings import Settings
from service.transcript import SAMPLE_RATE
from service.worker.device import CPU_MAX_BATCH


def measure(
    decoder: WhisperDecoder, spoken: Sequence[Samples], window_s: int, size: int, slots: int, batches: int
) -> list[Measurement]:
    """Batches of so many of the utterances, which fill the window, and how long each took."""
    options = DecodeOptions(language="en")

    def timed(number: int) -> Measurement:
        batch = [Utterance(spoken[(number + at) % len(spoken)], options) for at in range(size)]
        started = time.perf_counter()
        hypotheses = decoder.decode(batch).hypotheses
        seconds = time.perf_counter() - started
        tokens = max(sum(len(piece.tokens) for piece in hypothesis.pieces) for hypothesis in hypotheses)
        return Measurement(float(window_s), size, tokens, seconds)

    with ThreadPoolExecutor(slots) as pool:
        found = list(pool.map(timed, range(batches * slots)))
    by_tokens: dict[int, list[float]] = {}
    for one in found:
        by_tokens.setdefault(one.tokens, []).append(one.seconds)
    return [Measurement(float(window_s), size, tokens, median(times)) for tokens, times in by_tokens.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, default=Path("tests/data/manifest.jsonl"))
    parser.add_argument("--model-dir", type=Path, default=Settings().data_dir / "models" / "base")
    parser.add_argument("--compute-type", default="int8")
    parser.add_argument("--slots", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--windows", type=int, nargs="+", default=BUCKETS_S, help="seconds")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, CPU_MAX_BATCH])
    parser.add_argument("--batches", type=int, default=6, help="of each kind, for each slot")
    arguments = parser.parse_args()
    threadpool_limits(limits=1, user_api="blas")  # as the worker does
    slots = arguments.slots
    decoder = WhisperDecoder(arguments.model_dir, device="cpu", compute_type=arguments.compute_type, threads=slots)
    clips = [read_clip(clip.path) for clip in load_manifest(arguments.manifest, "en") if not clip.segments]
    before_s, own_s, started = machine_cpu_s(), own_cpu_s(), time.monotonic()
    measured: list[Measurement] = []
    for window_s in arguments.windows:
        spoken = joined(clips, window_s * SAMPLE_RATE, 2 * CPU_MAX_BATCH)
        for size in arguments.sizes:
            measured += measure(decoder, spoken, window_s, size, slots, arguments.batches)
            print(f"{window_s} s windows, batch {size}: {measured[-1].seconds:.3f} s")
    others = (machine_cpu_s() - before_s - own_cpu_s() + own_s) / (time.monotonic() - started)
    on = f"{slots} cores of a CPU, {arguments.compute_type}, others used {others:.1f} cores"
    costs = CostModel(on, arguments.model_dir.name, slots, max(arguments.sizes), fit(measured))
    arguments.out.write_text(json.dumps(costs.dump(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
