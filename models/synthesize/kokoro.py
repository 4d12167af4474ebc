"""Kokoro-82M, offline: 54 voices of 8 languages, blends of them, and foreigners.

Every voice is a vector of style; nothing ties it to the phonemes of its own language, so a French voice that is given
English phonemes speaks English with its own timbre and some of its accent. The mean of two vectors is a third voice.
"""

import itertools
import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from models.synthesize.voice import Float32, Unspeakable, Voice, optional
from service.errors import ModelUnavailable

# By the first letter of a voice's name; the names of languages are espeak-ng's.
_ACCENTS = {"a": "en-US", "b": "en-GB", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt-BR", "z": "zh"}
_GENDERS = {"f": "female", "m": "male"}
_ESPEAK = {"en-GB": "en-gb", "en": "en-us", "es": "es", "fr": "fr-fr", "it": "it", "pt": "pt-br", "hi": "hi"}
LANGUAGES = ("en", "es", "fr", "it", "pt", "hi", "zh")
_LICENCE = "Apache-2.0"


class Kokoro:
    """The voices of a fetched folder with `model.onnx` and `voices.npz`, on one thread.

    Chinese needs misaki's phonemes, which hold the tones that espeak-ng's lack. Japanese is not spoken.
    Raises BadRequest without kokoro-onnx, ModelUnavailable when the folder cannot be loaded.
    """

    licence = "MIT (kokoro-onnx), GPL-3.0-or-later (espeak-ng, phonemizer)"
    reads_numbers = False

    def __init__(self, folder: Path, name: str = "kokoro") -> None:
        self.name = name
        model = optional("kokoro_onnx", "pip install 'sotto[voices]'").Kokoro
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # processes share the cores better than threads
        try:
            session = onnxruntime.InferenceSession(
                str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
            self._model: Any = model.from_session(session, str(folder / "voices.npz"))
        except Exception as error:  # onnxruntime's own, NumPy's and the system's
            raise ModelUnavailable(f"{folder} cannot be loaded: {error}") from error
        self._names = tuple(sorted(name for name in self._model.voices.files if name[0] in _ACCENTS))
        self._chinese: Any = None

    def voices(self) -> tuple[Voice, ...]:
        blends = [
            f"{first}+{second}" for first, second in itertools.combinations(self._names, 2) if first[:2] == second[:2]
        ]
        return tuple(self._voice(name, language) for language in LANGUAGES for name in (*self._names, *blends))

    def speak(self, text: str, voice: Voice, speed: float) -> tuple[Float32, int]:
        styles = [self._model.get_voice_style(part) for part in voice.parts]
        phonemes = self._phonemes(text, voice)
        try:
            samples, rate = self._model.create(phonemes, np.mean(styles, axis=0), speed, is_phonemes=True)
        except ValueError as error:
            raise Unspeakable(f"{text!r} cannot be spoken: {error}", field="text") from error
        return np.asarray(samples, dtype=np.float32), int(rate)

    def _phonemes(self, text: str, voice: Voice) -> str:
        if voice.language != "zh":
            language = _ESPEAK.get(voice.accent, _ESPEAK[voice.language])
            return str(self._model.tokenizer.phonemize(text, language))
        if self._chinese is None:
            self._chinese = optional("misaki.zh", "pip install 'misaki[zh]'").ZHG2P()
            logging.getLogger("jieba").setLevel(logging.WARNING)  # it tells each process of its dictionary
        return str(self._chinese(text)[0])

    def _voice(self, name: str, language: str) -> Voice:
        home = _ACCENTS[name[0]]
        native = home.startswith(language)
        accent = home if native else home.partition("-")[0]
        return Voice(self.name, name, language, accent, _GENDERS[name[1]], native, _LICENCE)
