import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from models.hf.lineage import write_base
from models.merge import merge
from service.errors import BadRequest, Failed
from tests import tiny_whisper
from tests.unit.models.limits import small_files

WEIGHTS = "adapter_model.safetensors"


@pytest.fixture
def adapter(tiny_hf: Path, tmp_path: Path) -> Path:
    """Adapters of the tiny Whisper that change what it says."""
    import torch
    from peft import LoraConfig, get_peft_model

    from models.hf.reference import load

    torch.manual_seed(1)
    adapted = get_peft_model(load(tiny_hf), LoraConfig(r=2, target_modules=["q_proj", "k_proj", "fc1"]))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:  # zeros in new adapters
            torch.nn.init.normal_(parameter)
    folder = tmp_path / "adapter"
    adapted.save_pretrained(folder)
    write_base(folder, tiny_hf)
    return folder


def tensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return dict(load_file(path))


def write_tensors(path: Path, values: dict[str, np.ndarray]) -> None:
    from safetensors.numpy import save_file

    save_file(values, path)


def test_the_merged_model_computes_what_model_and_adapters_compute(
    tiny_hf: Path, adapter: Path, tmp_path: Path
) -> None:
    import torch
    from peft import PeftModel

    from models.hf.reference import Reference, load

    merge(tiny_hf, adapter, tmp_path / "merged")

    mel = np.random.default_rng(0).normal(size=(80, 3000)).astype(np.float32)
    prompt = list(tiny_whisper.CONTROL_IDS.values())[1:4]
    adapted = PeftModel.from_pretrained(load(tiny_hf), adapter).eval()
    with torch.inference_mode():
        inputs = {"input_features": torch.from_numpy(mel[np.newaxis]), "decoder_input_ids": torch.tensor([prompt])}
        wanted = adapted.get_base_model()(**inputs).logits[0, -1].numpy()
    merged, original = Reference(load(tmp_path / "merged")), Reference(load(tiny_hf))
    found = merged.logits(merged.encode(mel), prompt, [])[0]
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert np.abs(found - original.logits(original.encode(mel), prompt, [])[0]).max() > 0.1


def test_the_merged_model_is_complete(tiny_hf: Path, adapter: Path, tmp_path: Path) -> None:
    merge(tiny_hf, adapter, tmp_path / "merged")
    assert {path.name for path in (tmp_path / "merged").iterdir()} == {path.name for path in tiny_hf.iterdir()}
    assert (tmp_path / "merged" / "tokenizer.json").read_bytes() == (tiny_hf / "tokenizer.json").read_bytes()
    tiny_whisper.write_ct2(tmp_path / "merged", tmp_path / "ct2")


def test_adapters_of_another_model_are_refused(adapter: Path, tmp_path: Path, training_packages: None) -> None:
    other = tiny_whisper.write_transformers(tmp_path / "other", seed=2)
    with pytest.raises(BadRequest, match="was trained on another model"):
        merge(other, adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"model": "x", "weights": [{}]}'])
def test_adapters_that_do_not_say_of_which_model_are_refused(
    tiny_hf: Path, adapter: Path, tmp_path: Path, content: str | None
) -> None:
    (adapter / "base.json").unlink()
    if content is not None:
        (adapter / "base.json").write_text(content)
    with pytest.raises(BadRequest, match="does not say which model"):
        merge(tiny_hf, adapter, tmp_path / "merged")


def test_adapters_of_a_training_that_diverged_are_refused(tiny_hf: Path, adapter: Path, tmp_path: Path) -> None:
    values = tensors(adapter / WEIGHTS)
    next(iter(values.values())).flat[0] = np.nan
    write_tensors(adapter / WEIGHTS, values)
    with pytest.raises(BadRequest, match="diverged"):
        merge(tiny_hf, adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_adapters_with_a_layer_too_few_are_refused(tiny_hf: Path, adapter: Path, tmp_path: Path) -> None:
    values = tensors(adapter / WEIGHTS)
    values.popitem()
    write_tensors(adapter / WEIGHTS, values)
    with pytest.raises(BadRequest, match=r"other adapters than its adapter_config\.json"):
        merge(tiny_hf, adapter, tmp_path / "merged")


def test_adapters_of_another_width_are_refused(tiny_hf: Path, adapter: Path, tmp_path: Path) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"r": 4}))
    with pytest.raises(BadRequest, match="holds no adapters that fit"):
        merge(tiny_hf, adapter, tmp_path / "merged")


@pytest.mark.parametrize("name", [WEIGHTS, "adapter_config.json"])
def test_adapters_that_are_cut_off_are_refused(tiny_hf: Path, adapter: Path, tmp_path: Path, name: str) -> None:
    (adapter / name).write_bytes((adapter / name).read_bytes()[:100])
    with pytest.raises(BadRequest, match="holds no adapters that fit"):
        merge(tiny_hf, adapter, tmp_path / "merged")


def test_nothing_is_overwritten(tiny_hf: Path, adapter: Path, tmp_path: Path) -> None:
    merged = shutil.copytree(tiny_hf, tmp_path / "merged")
    with pytest.raises(BadRequest, match="exists"):
        merge(tiny_hf, adapter, merged)


def test_a_full_disk_leaves_nothing(tiny_hf: Path, adapter: Path, tmp_path: Path) -> None:
    with small_files(100_000), pytest.raises(Failed, match="cannot write"):
        merge(tiny_hf, adapter, tmp_path / "models" / "merged")
    assert not list((tmp_path / "models").iterdir())
