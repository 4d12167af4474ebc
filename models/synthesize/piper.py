"""Piper: any of its voices that lie in a folder as `<name>.onnx` with `<name>.onnx.json`.

The engine is under the GPL, version 3 or later: an option that a person installs, never a dependency. Piper draws the
length of sounds by lot inside the model, so two runs do not give the same samples.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from models.synthesize.voice import Float32, Unspeakable, Voice, optional
from service.errors import ModelUnavailable

LOADED = 4  # voices of 60 MB in memory at once


class Piper:
    """Raises BadRequest without piper-tts, ModelUnavailable for a folder without voices or with a broken one."""

    licence = "GPL-3.0-or-later (piper-tts, espeak-ng)"
    reads_numbers = False

    def __init__(self, folder: Path, name: str = "piper") -> None:
        self.name = name
        package = optional("piper", "pip install piper-tts")
        self._config = package.SynthesisConfig
        self._files: dict[str, tuple[Path, int | None]] = {}
        self._voices: list[Voice] = []
        for path in sorted(folder.glob("*.onnx")):
            self._add(path)
        if not self._voices:
            raise ModelUnavailable(f"{folder} holds no Piper voice (*.onnx with *.onnx.json)")
        self._load = lru_cache(maxsize=LOADED)(package.PiperVoice.load)

    def voices(self) -> tuple[Voice, ...]:
        return tuple(self._voices)

    def speak(self, text: str, voice: Voice, speed: float) -> tuple[Float32, int]:
        path, speaker = self._files[voice.name]
        try:
            model = self._load(path)
        except Exception as error:  # onnxruntime's own and the system's
            raise ModelUnavailable(f"{path} cannot be loaded: {error}") from error
        config = self._config(speaker_id=speaker, length_scale=model.config.length_scale / speed)
        parts = [chunk.audio_float_array for chunk in model.synthesize(text, config)]
        if not parts:
            raise Unspeakable(f"{text!r} cannot be spoken: it has no sounds", field="text")
        return np.concatenate(parts).astype(np.float32), int(model.config.sample_rate)

    def _add(self, path: Path) -> None:
        about = _about(path.with_name(f"{path.name}.json"))
        code = about.get("language", {}).get("code") or about["espeak"]["voice"]
        language, _, region = code.replace("-", "_").partition("_")
        accent = f"{language}-{region.upper()}" if region else language
        speakers = about.get("speaker_id_map") or {}
        for name, number in [(f"{path.stem}/{each}", speakers[each]) for each in speakers] or [(path.stem, None)]:
            self._files[name] = (path, number)
            self._voices.append(Voice(self.name, name, language, accent, licence="see the voice's MODEL_CARD"))


def _about(path: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads(path.read_text("utf-8"))
        about["espeak"]["voice"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(f"{path} does not describe a Piper voice: {error}") from error
    return about
