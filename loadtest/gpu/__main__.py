"""What a GPU does for Sotto: does it hear what the CPU hears, the best batch sizes, and how many streams it holds.

    python -m loadtest.gpu --out h200.json                          # without a GPU: says so, exits 0
    python -m loadtest.gpu --device cpu --shape tiny --quick --out tiny.json

Beside FILE.json a page FILE.html with plots and, for each shape, a cost model FILE-SHAPE.json for `loadtest.simulate`.
"""

import argparse
import contextlib
import json
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import ctranslate2
from threadpoolctl import threadpool_limits

from loadtest import capacity
from loadtest.corpus import load_manifest
from loadtest.cost_model import CostModel, fit
from loadtest.gpu.batches import best_sizes, sweep
from loadtest.gpu.check import agreements
from loadtest.gpu.forced import ForcedDecoder
from loadtest.gpu.shapes import SHAPES, Shape, write_model
from loadtest.page import document, plot
from loadtest.shipped import MANIFEST
from loadtest.simulate import Judgement, Pace, judge, speak
from loadtest.stack import Workers, simulated
from service import event_loop
from service.audio.endpointer import EndpointerOptions
from service.decoding.windows import BUCKETS_S
from service.settings import Settings
from service.worker.device import CUDA_GATHER_MS, CUDA_SLOTS

LIMIT_S = 0.7  # p95 from the end of speech to its final
EVERY_S = 4.7  # a dictating person's utterances of 1.5 to 5 s, and pauses
LANGUAGES = ("en", "es", "fr", "it", "ru")
QUERY = ["nvidia-smi", "--format=csv,noheader,nounits"]


@dataclass(frozen=True, slots=True)
class Machine:
    """`device` as CTranslate2 knows it, `name` of the card or the processor."""

    device: str
    name: str
    slots: int

    @property
    def compute_type(self) -> str:
        return "float16" if self.device == "cuda" else "int8"


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    windows_s: tuple[int, ...]
    sizes: tuple[int, ...]
    rounds: int
    step_s: float
    first: int
    most: int


THOROUGH = Effort(BUCKETS_S, (1, 2, 4, 8, 16, 32, 64), 5, 30.0, 32, 4096)
QUICK = Effort(BUCKETS_S[:2], (1, 2), 1, 8.0, 2, 2)


class Usage:
    """How busy the GPU is, by nvidia-smi, once a second; nothing where there is none."""

    def __init__(self, machine: Machine) -> None:
        self.percent: list[float] = []
        self._wanted = machine.device == "cuda"
        self._ended = threading.Event()

    @contextlib.contextmanager
    def watched(self) -> Iterator["Usage"]:
        watcher = threading.Thread(target=self._watch)
        watcher.start()
        try:
            yield self
        finally:
            self._ended.set()
            watcher.join()

    def _watch(self) -> None:
        while self._wanted and not self._ended.wait(1.0):
            told = subprocess.run([*QUERY, "--query-gpu=utilization.gpu"], capture_output=True, text=True, check=True)
            self.percent.append(float(told.stdout.splitlines()[0]))

    @property
    def mean(self) -> float | None:
        return sum(self.percent) / len(self.percent) if self.percent else None


def streams_held(machine: Machine, shape: Shape, folder: Path, max_batch: int, effort: Effort, *, biased: bool) -> Any:
    """The greatest number of simulated streams with captions whose finals hold the limit, and every step to it."""
    wait_s = LIMIT_S - EndpointerOptions().silence_ms / 1000
    options = ["--shape", shape.name, "--device", machine.device, "--compute-type", machine.compute_type]
    options += ["--slots", str(machine.slots), "--max-batch", str(max_batch)]
    options += ["--gather-ms", str(CUDA_GATHER_MS if machine.device == "cuda" else 0.0)] + ["--biased"] * biased
    workers = Workers("loadtest.gpu.forced", (str(folder), *options), ready_s=300.0)
    steps: list[dict[str, Any]] = []

    def holds(streams: int) -> bool:
        with simulated(workers) as server, Usage(machine).watched() as usage:
            heard, _ = event_loop.run(
                speak(server.redis_url, Pace(streams, EVERY_S, effort.step_s, captions=True), None)
            )
        judged: Judgement = judge(heard)
        p95 = judged.waits.percentile(95)
        held = p95 is not None and p95 <= wait_s and not judged.lost
        steps.append({"streams": streams, "wait_p95_s": p95, "finals": judged.finals, "gpu_percent": usage.mean})
        print(f"  {shape.name}{' biased' * biased}: {streams} streams, endpoint to final p95 {p95} s, held {held}")
        return held

    most, _ = capacity.find_capacity(holds, first=effort.first, most=effort.most)
    return {"biased": biased, "limit_s": LIMIT_S, "endpoint_to_final_s": wait_s, "held": most, "steps": steps}


def measure_shape(machine: Machine, shape: Shape, effort: Effort) -> tuple[dict[str, Any], CostModel]:
    with tempfile.TemporaryDirectory(prefix="sotto-shape-") as scratch:
        folder = write_model(shape, Path(scratch))
        decoder = ForcedDecoder(
            folder, shape, device=machine.device, compute_type=machine.compute_type, slots=machine.slots
        )
        measured = sweep(
            decoder, windows_s=effort.windows_s, sizes=effort.sizes, slots=machine.slots, rounds=effort.rounds
        )
        del decoder  # its memory is the worker's now
        of = f"{machine.name}, {machine.compute_type}"
        costs = CostModel(of, f"{shape.name} (random weights)", machine.slots, max(effort.sizes), fit(measured))
        best = best_sizes(costs)
        size = max(best.values())
        costs = CostModel(costs.measured_on, costs.model, costs.slots, size, costs.costs)
        held = [streams_held(machine, shape, folder, size, effort, biased=biased) for biased in (False, True)]
    found = {
        "compute_type": machine.compute_type,
        "best_batch": {f"{window:g}": size for window, size in best.items()},
        "measured": [asdict(one) for one in measured],
        "streams": held,
    }
    return found, costs


def main() -> int:
    arguments = _arguments()
    device = arguments.device or "cuda"
    if device == "cuda" and not ctranslate2.get_cuda_device_count():
        print("no NVIDIA GPU is here: nothing was measured (--device cpu --shape tiny tries this script without one)")
        return 0
    threadpool_limits(limits=1, user_api="blas")  # as the worker does
    effort = QUICK if arguments.quick else THOROUGH
    machine = _machine(device)
    found: dict[str, Any] = {"machine": asdict(machine), "at": time.strftime("%Y-%m-%d"), "shapes": {}}
    base = Settings().data_dir / "models" / "base"
    if device == "cuda":
        clips = [clip for language in LANGUAGES for clip in load_manifest(MANIFEST, language) if not clip.segments]
        compared = agreements(base, clips, device=device, compute_types=("float16", "int8_float16"))
        found["agreement"] = [asdict(one) for one in compared]
        print(*compared, sep="\n")
    for name in arguments.shape or ("base", "large-v3-turbo", "large-v2"):
        found["shapes"][name], costs = measure_shape(machine, SHAPES[name], effort)
        beside = arguments.out.with_name(f"{arguments.out.stem}-{name}.json")
        beside.write_text(json.dumps(costs.dump(), indent=1) + "\n", encoding="utf-8")
        arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        arguments.out.with_suffix(".html").write_text(page(found), encoding="utf-8")
    return 0


def page(found: dict[str, Any]) -> str:
    """Throughput by batch size, and latency by streams, of every shape."""
    parts = [f"<h1>{escape(found['machine']['name'])}</h1>"]
    for name, shape in found["shapes"].items():
        slots = found["machine"]["slots"]
        rates: dict[str, list[tuple[float, float]]] = {}
        fullest = {(one["window_s"], one["batch"]): one for one in shape["measured"]}  # the most tokens come last
        for (window, batch), one in fullest.items():
            rates.setdefault(f"{window:g} s windows", []).append((batch, slots * batch / one["seconds"]))
        waits = {
            f"{'with' if run['biased'] else 'without'} a bias list: {run['held']} streams held": sorted(
                (step["streams"], 1000 * step["wait_p95_s"]) for step in run["steps"] if step["wait_p95_s"] is not None
            )
            for run in shape["streams"]
        }
        parts += [f"<h2>{escape(name)}: utterances a second by batch size</h2>", plot(rates, unit="", across="")]
        parts += [f"<h2>{escape(name)}: endpoint to final, p95, by streams</h2>", plot(waits, unit="ms", across="")]
    return document(found["machine"]["name"], "\n".join(parts))


def _machine(device: str) -> Machine:
    if device == "cpu":
        return Machine("cpu", f"{platform.machine()} CPU", 2)
    told = subprocess.run([*QUERY, "--query-gpu=name"], capture_output=True, text=True, check=True)
    return Machine("cuda", told.stdout.splitlines()[0].strip(), CUDA_SLOTS)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--device", choices=("cuda", "cpu"), help="cuda by default")
    parser.add_argument("--shape", choices=SHAPES, nargs="+", help="base, large-v3-turbo and large-v2 by default")
    parser.add_argument("--quick", action="store_true", help="hardly more than whether it runs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
