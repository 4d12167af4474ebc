"""ChatTTS, where a person has installed it and its weights: English and Chinese in voices drawn by lot.

Its program is under the AGPL, its weights are for non-commercial use: an option, never a dependency.
"""

import numpy as np

from models.synthesize.voice import Float32, Unspeakable, Voice, optional
from service.errors import ModelUnavailable

SAMPLE_RATE = 24_000
VOICES = 16  # seeds 1 to 16
NORMAL_SPEED = 5  # of its marks [speed_0] to [speed_9]


class ChatTts:
    """Raises BadRequest without the package, ModelUnavailable when its weights cannot be loaded."""

    licence = "AGPL-3.0-or-later (ChatTTS)"
    reads_numbers = False

    def __init__(self, name: str = "chattts") -> None:
        self.name = name
        self._package = optional("ChatTTS", "pip install ChatTTS")
        self._seed = optional("torch", "pip install ChatTTS").manual_seed
        self._chat = self._package.Chat()
        if not self._chat.load(compile=False):
            raise ModelUnavailable("ChatTTS could not load its weights")

    def voices(self) -> tuple[Voice, ...]:
        return tuple(
            Voice(self.name, f"chattts-{seed}", language, language, licence="CC-BY-NC-4.0")
            for language in ("en", "zh")
            for seed in range(1, VOICES + 1)
        )

    def speak(self, text: str, voice: Voice, speed: float) -> tuple[Float32, int]:
        self._seed(int(voice.name.rpartition("-")[2]))
        mark = min(max(round(NORMAL_SPEED * speed), 0), 9)
        params = self._package.Chat.InferCodeParams(
            spk_emb=self._chat.sample_random_speaker(), prompt=f"[speed_{mark}]"
        )
        waves = self._chat.infer([text], skip_refine_text=True, params_infer_code=params)
        samples = np.concatenate([np.ravel(wave) for wave in waves]) if len(waves) else np.zeros(0)
        if not len(samples):
            raise Unspeakable(f"{text!r} cannot be spoken: ChatTTS gave no sound", field="text")
        return samples.astype(np.float32), SAMPLE_RATE
