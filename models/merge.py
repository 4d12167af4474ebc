"""Adapters added to the weights that they were trained on: a model like any other."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from models.folder import new_folder
from models.hf.lineage import check_base
from models.hf.packages import require_training
from service.errors import BadRequest

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import WhisperForConditionalGeneration

COPIED = ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json")


def merge(model: Path, adapter: Path, out: Path) -> None:
    """Writes `out`: `model`, in transformers' form, with `adapter` added to its weights, in float32.

    Raises BadRequest for adapters of another model, adapters that are cut off or hold what is no number, and when
    `out` exists; ModelUnavailable when `model` is no Whisper of transformers, Failed when the disk takes no more,
    MissingPackage without the extra `train`.
    """
    require_training()
    from models.hf.reference import load
    from models.hf.saving import save

    check_base(adapter, model)
    adapted = _adapted(load(model), adapter)
    with new_folder(out) as folder:
        save(adapted.merge_and_unload(), folder)
        for name in COPIED:
            shutil.copyfile(model / name, folder / name)


def _adapted(whisper: "WhisperForConditionalGeneration", adapter: Path) -> "PeftModel":
    import torch
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors.torch import load_file

    try:
        adapted = PeftModel.from_pretrained(whisper, adapter, local_files_only=True)
        stored = load_file(adapter / "adapter_model.safetensors")
    except Exception as error:  # whatever peft, safetensors and torch raise for files that are broken
        reason = str(error).strip().splitlines()[0]
        raise BadRequest(f"{adapter} holds no adapters that fit: {reason}", field="adapter") from error
    if not all(tensor.isfinite().all() for tensor in stored.values()):
        raise BadRequest(f"{adapter} holds what is no number: its training diverged", field="adapter")
    loaded = get_peft_model_state_dict(adapted)
    if stored.keys() != loaded.keys() or not all(torch.equal(stored[name].float(), loaded[name]) for name in stored):
        raise BadRequest(f"{adapter} holds other adapters than its adapter_config.json describes", field="adapter")
    return adapted
