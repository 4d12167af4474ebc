"""Whisper models of a known shape with random weights: they cost the arithmetic of the real ones."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ctranslate2.specs import whisper_spec

_TEXT_TOKENS = 50_257
_TIMESTAMPS = 1_501
_TASKS = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")
_AUDIO_POSITIONS, _TEXT_POSITIONS = 1_500, 448
_BLOCK = 1 << 20
_SPREAD = 0.02

Array = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Shape:
    """`languages` decides the size of the vocabulary."""

    name: str
    width: int
    encoder_layers: int
    decoder_layers: int
    heads: int
    n_mels: int
    languages: int


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("tiny", 384, 4, 4, 6, 80, 99),
        Shape("base", 512, 6, 6, 8, 80, 99),
        Shape("large-v3-turbo", 1280, 32, 4, 20, 128, 100),
        Shape("large-v2", 1280, 32, 32, 20, 80, 99),
    )
}


@dataclass(frozen=True, slots=True)
class Tokens:
    """Ids of the control tokens of a shape."""

    eot: int
    start: tuple[int, ...]  # start of transcript, language, transcribe, no timestamps
    previous: int

    @classmethod
    def of(cls, shape: Shape) -> "Tokens":
        tasks = _TEXT_TOKENS + 2 + shape.languages
        ids = {name: tasks + number for number, name in enumerate(_TASKS)}
        first = _TEXT_TOKENS + 1
        return cls(_TEXT_TOKENS, (first, first + 1, ids["transcribe"], ids["notimestamps"]), ids["startofprev"])


def write_model(shape: Shape, folder: Path) -> Path:
    """A CTranslate2 model in `folder`, float16, the same at every call. Raises OSError."""
    spec = whisper_spec.WhisperSpec(shape.encoder_layers, shape.heads, shape.decoder_layers, shape.heads)
    vocabulary = _vocabulary(shape)
    weights = _Weights()
    width = shape.width
    weights.convolution(spec.encoder.conv1, width, shape.n_mels)
    weights.convolution(spec.encoder.conv2, width, width)
    spec.encoder.position_encodings.encodings = weights.array(_AUDIO_POSITIONS, width)
    spec.decoder.position_encodings.encodings = weights.array(_TEXT_POSITIONS, width)
    spec.decoder.embeddings.weight = weights.array(len(vocabulary), width)
    spec.decoder.projection.weight = spec.decoder.embeddings.weight
    for half in (spec.encoder, spec.decoder):
        weights.norm(half.layer_norm, width)
        for layer in half.layer:
            weights.layer(layer, width, crossed=half is spec.decoder)
    last = range(shape.decoder_layers // 2, shape.decoder_layers)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = list(range(_TEXT_TOKENS + 2, _TEXT_TOKENS + 2 + shape.languages))
    spec.config.alignment_heads = [list(pair) for pair in product(last, range(min(4, shape.heads)))]
    spec.register_vocabulary(vocabulary)
    spec.validate()
    spec.optimize(quantization="float16")
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    (folder / "tokenizer.json").write_text("{}\n", encoding="utf-8")  # what is said is never read
    return folder


def _vocabulary(shape: Shape) -> list[str]:
    text = [f"t{number}" for number in range(_TEXT_TOKENS - 1)]
    languages = ["en", *(f"l{number}" for number in range(1, shape.languages))]
    control = [f"<|{name}|>" for name in ("endoftext", "startoftranscript", *languages, *_TASKS)]
    timestamps = [f"<|{0.02 * number:.2f}|>" for number in range(_TIMESTAMPS)]
    return [*text, "", *control, *timestamps]  # by the empty token CTranslate2 knows a multilingual vocabulary


class _Weights:
    """Fills a specification. One random block is used again and again: arithmetic takes as long whatever it is of."""

    def __init__(self) -> None:
        self._block = np.random.default_rng(1).normal(0, _SPREAD, _BLOCK).astype(np.float16)

    def array(self, *shape: int) -> Array:
        return np.resize(self._block, shape)

    def norm(self, norm: Any, width: int) -> None:
        norm.gamma, norm.beta = np.ones(width, np.float16), np.zeros(width, np.float16)

    def linear(self, linear: Any, to: int, width: int) -> None:
        linear.weight, linear.bias = self.array(to, width), np.zeros(to, np.float16)

    def convolution(self, convolution: Any, to: int, width: int) -> None:
        convolution.weight, convolution.bias = self.array(to, width, 3), np.zeros(to, np.float16)

    def layer(self, layer: Any, width: int, *, crossed: bool) -> None:
        self.norm(layer.self_attention.layer_norm, width)
        self.linear(layer.self_attention.linear[0], 3 * width, width)
        self.linear(layer.self_attention.linear[1], width, width)
        if crossed:
            self.norm(layer.attention.layer_norm, width)
            for linear, to in zip(layer.attention.linear, (width, 2 * width, width), strict=True):
                self.linear(linear, to, width)
        self.norm(layer.ffn.layer_norm, width)
        self.linear(layer.ffn.linear_0, 4 * width, width)
        self.linear(layer.ffn.linear_1, width, 4 * width)
