"""Windows in training: as in service, shorter where a recipe wants the model to get along with less padding."""

import numpy as np

from models.finetune.recipe import Windows
from service.decoding.features import N_FFT
from service.transcript import SAMPLE_RATE


def windows_for(n_samples: int, windows: Windows) -> tuple[int, ...]:
    """Samples of the windows that hold `n_samples` and their padding, rising; the largest, whatever the padding, where
    none does; none at all when the audio does not fit."""
    sizes = [seconds * SAMPLE_RATE for seconds in windows.sizes_s]
    padded = n_samples + round(windows.min_padding_s * SAMPLE_RATE)
    fitting = tuple(size for size in sizes if padded <= size)
    return fitting or tuple(size for size in sizes[-1:] if n_samples + N_FFT // 2 <= size)


def draw_window(n_samples: int, windows: Windows, random: np.random.Generator) -> int:
    """Samples of the window that a clip is trained with this time. Raises ValueError for one that does not fit."""
    fitting = windows_for(n_samples, windows)
    if not fitting:
        raise ValueError(f"{n_samples} samples fit none of the windows of {windows.sizes_s} s")
    if random.random() < windows.wider:
        return int(random.choice(fitting))
    return fitting[0]
