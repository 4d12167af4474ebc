import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from models.ct2_import import import_ct2
from models.hf.model_bin import read_model_bin
from service.errors import BadRequest, Failed, ModelUnavailable
from tests import tiny_whisper
from tests.unit.models.limits import small_files

WEIGHTS = "model.safetensors"
DATA = Path(__file__).parents[2] / "data"


def stored(folder: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return dict(load_file(folder / WEIGHTS))


def damaged(model: Path, folder: Path, at: int, new: bytes) -> Path:
    shutil.copytree(model, folder)
    content = bytearray((folder / "model.bin").read_bytes())
    content[at : at + len(new)] = new
    (folder / "model.bin").write_bytes(content)
    return folder


def test_a_converted_model_comes_back_to_the_last_bit(tiny_hf: Path, tiny_ct2: Path, tmp_path: Path) -> None:
    import_ct2(tiny_ct2, tmp_path / "back")

    original, back = stored(tiny_hf), stored(tmp_path / "back")
    assert back.keys() == original.keys()
    assert all(np.array_equal(back[name], original[name]) for name in original)
    for name in ("tokenizer.json", "preprocessor_config.json"):
        assert json.loads((tmp_path / "back" / name).read_text()) == json.loads((tiny_hf / name).read_text())
    config, former = (json.loads((folder / "config.json").read_text()) for folder in (tmp_path / "back", tiny_hf))
    assert config | {"init_std": None} == former | {"init_std": None}


def test_what_is_converted_again_is_the_same_file(tiny_ct2: Path, tmp_path: Path) -> None:
    import_ct2(tiny_ct2, tmp_path / "back")
    again = tiny_whisper.write_ct2(tmp_path / "back", tmp_path / "again")
    for name in ("model.bin", "config.json", "vocabulary.json"):
        assert (again / name).read_bytes() == (tiny_ct2 / name).read_bytes()


@pytest.mark.parametrize(
    ("quantization", "tolerance"),
    [("float16", 1e-3), ("bfloat16", 1e-2), ("int16", 1e-2), ("int8", 2e-2), ("int8_float16", 2e-2)],
)
def test_weights_of_less_precision_are_scaled_back(
    tiny_hf: Path, tmp_path: Path, quantization: str, tolerance: float
) -> None:
    import_ct2(tiny_whisper.write_ct2(tiny_hf, tmp_path / "ct2", quantization), tmp_path / "back")
    original, back = stored(tiny_hf), stored(tmp_path / "back")
    assert back.keys() == original.keys()
    for name, weight in back.items():
        assert weight.dtype == np.float32
        np.testing.assert_allclose(weight, original[name], atol=tolerance * np.abs(original[name]).max())


def test_a_merge_that_the_tokenizer_lost_is_put_back(tiny_ct2: Path, tmp_path: Path) -> None:
    model = shutil.copytree(tiny_ct2, tmp_path / "model")
    content = json.loads((model / "tokenizer.json").read_text())
    first = content["model"]["merges"].pop(0)
    (model / "tokenizer.json").write_text(json.dumps(content))

    import_ct2(model, tmp_path / "back")
    assert json.loads((tmp_path / "back" / "tokenizer.json").read_text())["model"]["merges"][0] == first

    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "back")
    assert tokenizer.convert_ids_to_tokens(tokenizer.encode(" the", add_special_tokens=False)) == ["Ġt", "he"]


@pytest.mark.parametrize(("at", "new", "told"), [(0, b"\7", "version 7"), (6, b"X", "XhisperSpec")])
def test_another_format_is_refused_by_name(tiny_ct2: Path, tmp_path: Path, at: int, new: bytes, told: str) -> None:
    with pytest.raises(ModelUnavailable, match=told):
        import_ct2(damaged(tiny_ct2, tmp_path / "model", at, new), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kept", [0, 3, 40, 100_000])
def test_a_file_that_is_cut_off_is_told(tiny_ct2: Path, tmp_path: Path, kept: int) -> None:
    model = shutil.copytree(tiny_ct2, tmp_path / "model")
    (model / "model.bin").write_bytes((tiny_ct2 / "model.bin").read_bytes()[:kept])
    with pytest.raises(ModelUnavailable, match=r"model\.bin: not a model\.bin, or cut off"):
        import_ct2(model, tmp_path / "out")


def test_a_bias_on_keys_is_no_whisper(tiny_ct2: Path, tmp_path: Path) -> None:
    content = (tiny_ct2 / "model.bin").read_bytes()
    name = b"encoder/layer_0/self_attention/linear_0/bias\0"
    values = content.index(name) + len(name) + 1 + 4 + 1 + 4
    bias = read_model_bin(tiny_ct2 / "model.bin").array(name[:-1].decode())
    assert content[values : values + bias.nbytes] == bias.tobytes()
    with pytest.raises(ModelUnavailable, match="bias for keys"):
        import_ct2(damaged(tiny_ct2, tmp_path / "model", values + 8 * 4, struct.pack("<f", 1)), tmp_path / "out")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.bin"])
def test_a_missing_file_is_named(tiny_ct2: Path, tmp_path: Path, name: str) -> None:
    model = shutil.copytree(tiny_ct2, tmp_path / "model")
    (model / name).unlink()
    with pytest.raises(ModelUnavailable, match=name):
        import_ct2(model, tmp_path / "out")


def test_nothing_is_overwritten(tiny_ct2: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(BadRequest, match="exists"):
        import_ct2(tiny_ct2, tmp_path / "out")


def test_a_full_disk_is_told_and_leaves_nothing(tiny_ct2: Path, tmp_path: Path) -> None:
    with small_files(100_000), pytest.raises(Failed, match="cannot write"):
        import_ct2(tiny_ct2, tmp_path / "out" / "model")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.slow
def test_base_in_pytorch_says_what_ctranslate2_says(base_model_dir: Path, base_hf: Path) -> None:
    from models.agreement import compare
    from models.hf.reference import Reference, load
    from models.manifest import read_examples

    chosen = ("human-en-vm-mismatch", "human-ru-ss-noservice")
    examples = [each for each in read_examples(DATA / "manifest.jsonl") if each.id in chosen]
    found = compare(Reference(load(base_hf)), base_model_dir, examples, "cpu")
    assert found.identical == found.utterances == len(chosen)
    assert found.tokens > 20
    assert found.logit_difference < 0.01
    assert found.encoder_difference < 0.01
