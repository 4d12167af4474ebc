"""What the model hears of a clip: its spectrogram, or what a frozen encoder makes of that, worked out once and kept."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.finetune import spec_augment
from models.finetune.dataset import Clip, read_clip
from models.finetune.recipe import SpecAugment
from service.decoding.features import HOP, LogMel, Mel
from service.errors import BadAudio

Heard = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sound:
    """A clip as it is heard this time: padded to `window` samples, masked as the seed `masks` says, or not at all."""

    clip: Clip
    window: int
    masks: tuple[int, ...] | None = None


class Acoustics(Protocol):
    """float32 arrays of one shape for sounds of one window. Any number of threads may call it.

    Raises BadRequest that names the example for audio that cannot be read.
    """

    def __call__(self, sound: Sound) -> Heard: ...


class Spectrograms:
    """Log mel, float32 [n_mels, frames], with SpecAugment where masks are asked for."""

    def __init__(self, n_mels: int, augment: SpecAugment | None) -> None:
        self._log_mel = LogMel(n_mels)
        self._augment = augment

    def __call__(self, sound: Sound) -> Mel:
        samples = read_clip(sound.clip)
        try:
            mel = self._log_mel(samples, sound.window)
        except ValueError as error:
            raise BadAudio(f"{sound.clip.example.id}: audio: {error}", field="audio") from error
        if sound.masks is None or self._augment is None:
            return mel
        return spec_augment.mask(mel, max(len(samples) // HOP, 1), self._augment, np.random.default_rng(sound.masks))


class Encodings:
    """Encoder outputs, float32 [frames / 2, d_model], each computed when it is first asked for, then kept in memory.

    Only for an encoder that does not learn. `encode` is given a spectrogram.
    """

    def __init__(self, spectrograms: Spectrograms, encode: Callable[[Mel], Heard]) -> None:
        self._spectrograms = spectrograms
        self._encode = encode
        self._known: dict[tuple[Path | None, int, tuple[int, ...] | None], Heard] = {}

    def __call__(self, sound: Sound) -> Heard:
        key = (sound.clip.example.audio, sound.window, sound.masks)
        if key not in self._known:  # two threads may both compute it, and get the same
            self._known[key] = self._encode(self._spectrograms(sound))
        return self._known[key]
