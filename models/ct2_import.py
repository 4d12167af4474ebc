"""Back from CTranslate2: the transformers form of a Whisper model, rebuilt where no hub can be reached."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tokenizers

from models.folder import MULTILINGUAL_EOT, new_folder
from models.hf.model_bin import ModelBin, read_model_bin
from models.hf.packages import require_training
from models.hf.weights import count_layers, transformers_weights
from service.decoding.vocabulary import mended
from service.errors import ModelUnavailable

if TYPE_CHECKING:
    from transformers import GenerationConfig, WhisperConfig

END, START = "<|endoftext|>", "<|startoftranscript|>"
PREVIOUS, NO_TIMESTAMPS = "<|startofprev|>", "<|notimestamps|>"
TASKS = ("<|translate|>", "<|transcribe|>")  # by id


def import_ct2(model_dir: Path, out: Path) -> None:
    """Writes a folder that `from_pretrained` reads: float32 weights, configurations, tokenizer, feature extractor.

    Weights that are stored with less precision keep their values. Raises ModelUnavailable when the folder holds no
    Whisper model of CTranslate2 that can be read, BadRequest when `out` exists, Failed when it cannot be written,
    MissingPackage without the extra `train`.
    """
    require_training()
    import torch
    from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration

    from models.hf.saving import save

    stored = read_model_bin(model_dir / "model.bin")
    settings = _read_json(model_dir / "config.json")
    tokenizer_json = _tokenizer_json(model_dir / "tokenizer.json")
    special = _special_tokens(tokenizers.Tokenizer.from_str(tokenizer_json))
    config = _config(stored, special)
    with torch.device("meta"):
        model = WhisperForConditionalGeneration(config)
    state = {name: torch.from_numpy(weight) for name, weight in transformers_weights(stored).items()}
    model.load_state_dict(state | {"proj_out.weight": state["model.decoder.embed_tokens.weight"]}, assign=True)
    model.tie_weights()
    model.generation_config = _generation_config(settings, special, config.max_target_positions)
    with new_folder(out) as folder:
        save(model, folder)
        WhisperFeatureExtractor(feature_size=config.num_mel_bins).save_pretrained(folder)
        (folder / "tokenizer.json").write_text(tokenizer_json, "utf-8")
        (folder / "tokenizer_config.json").write_text(json.dumps(_tokenizer_config(), indent=2) + "\n", "utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"cannot read {path}: {error}", field="model") from error
    if not isinstance(content, dict):
        raise ModelUnavailable(f"{path} is not a JSON object", field="model")
    return content


def _tokenizer_json(path: Path) -> str:
    try:
        return mended(path.read_text("utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(f"cannot read {path}: {error}", field="model") from error


def _special_tokens(tokens: tokenizers.Tokenizer) -> dict[str, int]:
    """The ids of control tokens and languages, by name. Raises ModelUnavailable when one that is needed is missing."""
    special = {token.content: number for number, token in tokens.get_added_tokens_decoder().items()}
    missing = [name for name in (END, START, PREVIOUS, NO_TIMESTAMPS, *TASKS) if name not in special]
    if missing:
        raise ModelUnavailable(f"tokenizer.json has no {', '.join(missing)}: not a Whisper model", field="model")
    return special


def _config(stored: ModelBin, special: Mapping[str, int]) -> "WhisperConfig":
    """Everything else is as in every Whisper: GELU, pre-norm, no dropout."""
    from transformers import WhisperConfig

    width, n_mels, _ = stored.shape("encoder/conv1/weight")
    return WhisperConfig(
        vocab_size=stored.shape("decoder/embeddings/weight")[0],
        num_mel_bins=n_mels,
        d_model=width,
        encoder_layers=count_layers(stored, "encoder"),
        encoder_attention_heads=stored.number("encoder/num_heads"),
        encoder_ffn_dim=stored.shape("encoder/layer_0/ffn/linear_0/bias")[0],
        decoder_layers=count_layers(stored, "decoder"),
        decoder_attention_heads=stored.number("decoder/num_heads"),
        decoder_ffn_dim=stored.shape("decoder/layer_0/ffn/linear_0/bias")[0],
        max_source_positions=stored.shape("encoder/position_encodings/encodings")[0],
        max_target_positions=stored.shape("decoder/position_encodings/encodings")[0],
        decoder_start_token_id=special[START],
        bos_token_id=special[END],
        eos_token_id=special[END],
        pad_token_id=special[END],
        begin_suppress_tokens=None,  # the generation configuration has them
    )


def _generation_config(settings: Mapping[str, Any], special: Mapping[str, int], positions: int) -> "GenerationConfig":
    """What transformers' `generate` and CTranslate2's converter read beside the weights."""
    from transformers import GenerationConfig

    multilingual = special[END] == MULTILINGUAL_EOT
    languages = {
        "lang_to_id": {name: special[name] for name in _languages(special)},
        "task_to_id": {name.strip("<|>"): special[name] for name in TASKS},
    }
    return GenerationConfig(
        decoder_start_token_id=special[START],
        bos_token_id=special[END],
        eos_token_id=special[END],
        pad_token_id=special[END],
        suppress_tokens=settings.get("suppress_ids"),
        begin_suppress_tokens=settings.get("suppress_ids_begin"),
        alignment_heads=settings.get("alignment_heads"),
        max_length=positions,
        max_initial_timestamp_index=50,
        no_timestamps_token_id=special[NO_TIMESTAMPS],
        prev_sot_token_id=special[PREVIOUS],
        return_timestamps=False,
        is_multilingual=multilingual,
        **(languages if multilingual else {}),  # English-only models refuse to be told a language or a task
    )


def _languages(special: Mapping[str, int]) -> list[str]:
    """Their tokens lie between `<|startoftranscript|>` and the tasks."""
    return [name for name, number in special.items() if special[START] < number < special[TASKS[0]]]


def _tokenizer_config() -> dict[str, Any]:
    return {
        "tokenizer_class": "WhisperTokenizer",
        "add_prefix_space": False,
        "bos_token": END,
        "eos_token": END,
        "pad_token": END,
        "unk_token": END,
        "errors": "replace",
        "return_attention_mask": False,
        "model_max_length": 1024,
    }
