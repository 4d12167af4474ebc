"""Whisper's weights under the names of transformers, from those of CTranslate2.

CTranslate2 joins the linear layers of attention into one matrix (queries, keys and values of self-attention; keys and
values of cross-attention) and fills the bias that Whisper's keys have not with zeros; everything else only changes
its name (ctranslate2/converters/transformers.py, `BartLoader` and `WhisperLoader`).
"""

import re

import numpy as np

from models.hf.model_bin import Float32, ModelBin
from service.errors import ModelUnavailable

OUTPUT, EMBEDDING = "decoder/projection/weight", "decoder/embeddings/weight"
KEYS = "k_proj"  # the only linear layer of attention without a bias


def count_layers(model: ModelBin, side: str) -> int:
    """How many layers `encoder` or `decoder` has."""
    found = (re.match(rf"{side}/layer_(\d+)/", name) for name in model.variables)
    return 1 + max((int(match[1]) for match in found if match), default=-1)


def transformers_weights(model: ModelBin) -> dict[str, Float32]:
    """The state of `WhisperForConditionalGeneration` without its output layer, which is the token embedding.

    Raises ModelUnavailable for what Whisper has not: an output layer of its own, a bias on keys.
    """
    embedding = model.array(EMBEDDING)
    # an alias has no scale of its own
    if not model.is_alias(OUTPUT, EMBEDDING) and not np.array_equal(model.array(OUTPUT), embedding):
        raise ModelUnavailable(f"{OUTPUT} is not {EMBEDDING}: not a Whisper model", field="model")
    weights = {
        "model.decoder.embed_tokens.weight": embedding,
        "model.encoder.embed_positions.weight": model.array("encoder/position_encodings/encodings"),
        "model.decoder.embed_positions.weight": model.array("decoder/position_encodings/encodings"),
    }
    for name in ("conv1", "conv2"):
        weights |= _linear(model, f"encoder/{name}", f"model.encoder.{name}")
    for side in ("encoder", "decoder"):
        weights |= _norm(model, f"{side}/layer_norm", f"model.{side}.layer_norm")
        for number in range(count_layers(model, side)):
            weights |= _layer(model, f"{side}/layer_{number}", f"model.{side}.layers.{number}", side)
    return weights


def _layer(model: ModelBin, source: str, target: str, side: str) -> dict[str, Float32]:
    weights = _self_attention(model, f"{source}/self_attention", f"{target}.self_attn")
    if side == "decoder":
        weights |= _cross_attention(model, f"{source}/attention", f"{target}.encoder_attn")
    weights |= _norm(model, f"{source}/ffn/layer_norm", f"{target}.final_layer_norm")
    weights |= _linear(model, f"{source}/ffn/linear_0", f"{target}.fc1")
    return weights | _linear(model, f"{source}/ffn/linear_1", f"{target}.fc2")


def _self_attention(model: ModelBin, source: str, target: str) -> dict[str, Float32]:
    return {
        **_norm(model, f"{source}/layer_norm", f"{target}_layer_norm"),
        **_joined(model, f"{source}/linear_0", target, ("q_proj", KEYS, "v_proj")),
        **_linear(model, f"{source}/linear_1", f"{target}.out_proj"),
    }


def _cross_attention(model: ModelBin, source: str, target: str) -> dict[str, Float32]:
    return {
        **_norm(model, f"{source}/layer_norm", f"{target}_layer_norm"),
        **_linear(model, f"{source}/linear_0", f"{target}.q_proj"),
        **_joined(model, f"{source}/linear_1", target, (KEYS, "v_proj")),
        **_linear(model, f"{source}/linear_2", f"{target}.out_proj"),
    }


def _joined(model: ModelBin, source: str, target: str, parts: tuple[str, ...]) -> dict[str, Float32]:
    weights = {}
    weight, bias = model.array(f"{source}/weight"), model.array(f"{source}/bias")
    for part, rows, values in zip(parts, np.split(weight, len(parts)), np.split(bias, len(parts)), strict=True):
        weights[f"{target}.{part}.weight"] = rows
        if part != KEYS:
            weights[f"{target}.{part}.bias"] = values
        elif values.any():
            raise ModelUnavailable(f"{source}/bias has a bias for keys: not a Whisper model", field="model")
    return weights


def _linear(model: ModelBin, source: str, target: str) -> dict[str, Float32]:
    return {f"{target}.weight": model.array(f"{source}/weight"), f"{target}.bias": model.array(f"{source}/bias")}


def _norm(model: ModelBin, source: str, target: str) -> dict[str, Float32]:
    return {f"{target}.weight": model.array(f"{source}/gamma"), f"{target}.bias": model.array(f"{source}/beta")}
