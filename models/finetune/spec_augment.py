"""SpecAugment on mel spectrograms (Park et al. 2019, arXiv 1904.08779), without time warping."""

import numpy as np

from models.finetune.recipe import SpecAugment
from service.decoding.features import HOP, Mel
from service.transcript import SAMPLE_RATE

FRAMES_PER_S = SAMPLE_RATE // HOP


def mask(mel: Mel, frames: int, options: SpecAugment, random: np.random.Generator) -> Mel:
    """A copy of `mel` [n_mels, window frames] with stripes at the mean of its first `frames`, where the clip is."""
    masked, fill = mel.copy(), np.float32(mel[:, :frames].mean())
    widest = min(round(options.time_width_s * FRAMES_PER_S), int(options.time_share * frames))
    for _ in range(options.time_masks):
        width = int(random.integers(0, widest + 1))
        start = int(random.integers(0, frames - width + 1))
        masked[:, start : start + width] = fill
    for _ in range(options.mel_masks):
        width = int(random.integers(0, min(options.mel_width, len(mel)) + 1))
        start = int(random.integers(0, len(mel) - width + 1))
        masked[start : start + width] = fill
    return masked
