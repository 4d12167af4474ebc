"""Where Whisper runs and how it is batched there."""

import os
from dataclasses import dataclass
from typing import Literal

import ctranslate2

from service.errors import ModelUnavailable
from service.settings import Settings

CPU_MAX_BATCH = 4  # larger batches gain nothing on a CPU (docs/benchmarks.md)
CUDA_MAX_BATCH = 32
CUDA_SLOTS = 2  # one batch is prepared while the other is on the GPU
CUDA_GATHER_MS = 8.0


@dataclass(frozen=True, slots=True)
class Placement:
    """`slots` batches run at once, each of `max_batch` utterances at most."""

    device: Literal["cpu", "cuda"]
    compute_type: str
    slots: int
    max_batch: int
    gather_ms: float


def place(settings: Settings) -> Placement:
    """Turns the settings into a placement. Raises ModelUnavailable when CUDA is asked for and there is no GPU."""
    gpus = ctranslate2.get_cuda_device_count() if settings.device != "cpu" else 0
    if settings.device == "cuda" and not gpus:
        raise ModelUnavailable("no CUDA device is visible: check the driver, or use --device cpu", field="device")
    compute_type = settings.compute_type
    if gpus:
        return Placement(
            "cuda",
            "float16" if compute_type == "default" else compute_type,
            CUDA_SLOTS,
            settings.max_batch or CUDA_MAX_BATCH,
            CUDA_GATHER_MS,
        )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Placement(
        "cpu",
        "int8" if compute_type == "default" else compute_type,
        settings.decode_threads or cores,
        settings.max_batch or CPU_MAX_BATCH,
        0.0,
    )
