"""A Whisper small enough for tests of training: random weights, the real ids of control tokens, letters for bytes.

Its tokenizer has the 256 bytes and three merges; the rest of the 50,257 ordinary tokens are fillers that no text
holds. So it is multilingual to everything that asks, and each file of it can be read like a real model's.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from service.decoding.vocabulary import BYTE_OF

END = 50257
LANGUAGES = """en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt
la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd
gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su""".split()  # noqa: SIM905
CONTROL = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{language}|>" for language in LANGUAGES),
    *("<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"),
]
CONTROL_IDS = {name: END + number for number, name in enumerate(CONTROL)}
TIMESTAMPS = 1501
MERGES = [("Ġ", "t"), ("Ġ", "a"), ("h", "e")]


def skip_without_training() -> None:
    """Skips the test where the extra `train` is not installed."""
    for name in ("torch", "transformers", "peft"):
        pytest.importorskip(name, reason=f"{name} of the extra `train` is not installed: make train-env")


def tokenizer_json() -> dict[str, Any]:
    tokens = [*BYTE_OF, *("".join(merge) for merge in MERGES)]
    tokens += [f"<filler {number}>" for number in range(len(tokens), END - 1)]
    tokens += [""]  # by which CTranslate2 knows a multilingual vocabulary
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "added_tokens": [{"id": number, "content": name, **flags} for name, number in CONTROL_IDS.items()],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": [" ".join(merge) for merge in MERGES],
        },
    }


def write_transformers(folder: Path, *, width: int = 8, layers: int = 1, seed: int = 0) -> Path:
    """The model in transformers' form. `width`: of every layer; two attention heads share it."""
    import torch
    from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

    special = {"bos_token_id": END, "eos_token_id": END, "pad_token_id": END, "decoder_start_token_id": END + 1}
    config = WhisperConfig(
        vocab_size=END + len(CONTROL) + TIMESTAMPS,
        d_model=width,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=2 * width,
        decoder_ffn_dim=2 * width,
        init_std=0.5,  # so wide that what is said depends on what is heard
        begin_suppress_tokens=None,
        **special,
    )
    torch.manual_seed(seed)
    model = WhisperForConditionalGeneration(config)
    for name, values in model.state_dict().items():
        if name.endswith("bias") or "layer_norm" in name:  # which are all alike in a new model
            values += 0.1 * torch.randn_like(values)
    model.generation_config = GenerationConfig(
        suppress_tokens=list(range(END + 1, END + len(CONTROL))),
        begin_suppress_tokens=[220, END],
        alignment_heads=[[0, 0]],
        lang_to_id={f"<|{language}|>": CONTROL_IDS[f"<|{language}|>"] for language in LANGUAGES},
        task_to_id={task: CONTROL_IDS[f"<|{task}|>"] for task in ("transcribe", "translate")},
        no_timestamps_token_id=CONTROL_IDS["<|notimestamps|>"],
        prev_sot_token_id=CONTROL_IDS["<|startofprev|>"],
        is_multilingual=True,
        max_length=448,
        **special,
    )
    model.save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(), ensure_ascii=False), "utf-8")
    names = dict.fromkeys(("bos_token", "eos_token", "pad_token", "unk_token"), "<|endoftext|>")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "WhisperTokenizer", **names}))
    return folder


def write_ct2(transformers_folder: Path, folder: Path, quantization: str = "float32") -> Path:
    """The same model in CTranslate2's form."""
    from ctranslate2.converters import TransformersConverter

    copied = ["tokenizer.json", "preprocessor_config.json"]
    TransformersConverter(str(transformers_folder), copy_files=copied).convert(str(folder), quantization=quantization)
    return folder
