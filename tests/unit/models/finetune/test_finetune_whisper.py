"""The model under training, held against transformers and CTranslate2."""

from pathlib import Path

import ctranslate2
import numpy as np
import pytest

from models.finetune.recipe import read_recipe
from tests.unit.models.finetune.jobs import job, train, write_recipe

pytestmark = pytest.mark.usefixtures("one_training")


@pytest.fixture
def mels() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(2, 80, 700)).astype(np.float32)


def test_a_short_window_is_encoded_as_ctranslate2_does(
    tiny_hf: Path, tiny_ct2: Path, mels: np.ndarray, tmp_path: Path
) -> None:
    import torch

    from models.finetune.whisper import encode, load_whisper

    whisper = load_whisper(tiny_hf, read_recipe(write_recipe(tmp_path / "r.yaml"))).eval()
    with torch.no_grad():
        ours = encode(whisper.model.encoder, torch.from_numpy(mels)).numpy()
    served = ctranslate2.models.Whisper(str(tiny_ct2)).encode(ctranslate2.StorageView.from_array(mels))
    assert ours.shape == (2, 350, 8)
    np.testing.assert_allclose(ours, np.array(served), atol=2e-4)


def test_a_full_window_is_encoded_as_transformers_does(tiny_hf: Path, tmp_path: Path) -> None:
    import torch

    from models.finetune.whisper import encode, load_whisper

    whisper = load_whisper(tiny_hf, read_recipe(write_recipe(tmp_path / "r.yaml"))).eval()
    mels = torch.randn(1, 80, 3000)
    with torch.no_grad():
        torch.testing.assert_close(encode(whisper.model.encoder, mels), whisper.model.encoder(mels).last_hidden_state)


@pytest.mark.parametrize(("parts", "other"), [("encoder", "decoder"), ("decoder", "encoder")])
def test_new_adapters_change_nothing_and_sit_where_the_recipe_says(
    tiny_hf: Path, mels: np.ndarray, tmp_path: Path, parts: str, other: str
) -> None:
    import torch

    from models.finetune.whisper import TrainedWhisper, load_whisper, with_adapters

    recipe = read_recipe(write_recipe(tmp_path / "r.yaml", lora={other: False, "targets": ["q_proj", "fc1"]}))
    whisper = load_whisper(tiny_hf, recipe).eval()
    arrays = torch.from_numpy(mels), torch.tensor([[50258, 5, 6]] * 2), torch.tensor([[5, 6, 50257]] * 2)
    with torch.no_grad():
        memory = whisper.model.encoder(torch.nn.functional.pad(arrays[0], (0, 2300))).last_hidden_state
        assert memory.shape[1] == 1500
        adapted = with_adapters(whisper, recipe.lora)
        trained = TrainedWhisper(adapted, 50257).eval()
        with adapted.disable_adapter():
            before = trained(*arrays).cross_entropy
        assert trained(*arrays).cross_entropy == before
    names = [name for name, parameter in trained.named_parameters() if parameter.requires_grad]
    assert names
    assert all(f".{parts}." in name and ("q_proj" in name or "fc1" in name) for name in names)
    assert {"encoder_attn" in name for name in names} == ({True, False} if parts == "decoder" else {False})


def test_greedy_writes_what_ctranslate2_writes(tiny_hf: Path, tiny_ct2: Path, mels: np.ndarray, tmp_path: Path) -> None:
    import torch

    from models.finetune.whisper import TrainedWhisper, load_whisper, with_adapters

    recipe = read_recipe(write_recipe(tmp_path / "r.yaml"))
    trained = TrainedWhisper(with_adapters(load_whisper(tiny_hf, recipe), recipe.lora), 50257).eval()
    prompt = [50258, 50259, 50359, 50363]
    with torch.no_grad():
        ours = trained.greedy(torch.from_numpy(mels), torch.tensor([prompt] * 2), 20)
    served = ctranslate2.models.Whisper(str(tiny_ct2)).generate(
        ctranslate2.StorageView.from_array(mels),
        [prompt] * 2,
        beam_size=1,
        max_length=40,
        suppress_blank=False,
        suppress_tokens=list(range(50258, 51865)),
    )
    assert [row[:20] for row in ours] == [result.sequences_ids[0][:20] for result in served]
    assert all(len(row) == 20 for row in ours)


def test_adapters_load_into_transformers_and_merge(tiny_hf: Path, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import WhisperForConditionalGeneration

    wanted = job(tmp_path, tiny_hf, optimizer={"steps": 4})
    train(wanted)
    mels, inputs = torch.randn(1, 80, 3000), torch.tensor([[50258, 5, 6]])
    base = WhisperForConditionalGeneration.from_pretrained(tiny_hf).eval()
    with torch.no_grad():
        plain = base(mels, decoder_input_ids=inputs).logits
        adapted = PeftModel.from_pretrained(base, wanted.folder / "adapter").eval()
        changed = adapted.base_model.model(mels, decoder_input_ids=inputs).logits
        merged = adapted.merge_and_unload()(mels, decoder_input_ids=inputs).logits
    assert (changed - plain).abs().max() > 0.1
    torch.testing.assert_close(merged, changed, atol=1e-4, rtol=1e-4)


def test_unlikelihood_is_of_what_was_there_before_and_does_not_belong() -> None:
    import torch

    from models.finetune.losses import LEAST, unlikelihood

    inputs = torch.tensor([[5, 99, 6, 5, 7]])  # 99 and above are special
    scored = torch.tensor([[False, False, True, True, True]])
    targets = torch.tensor([5, 7, 98])
    sure = torch.full((3, 100), -20.0)
    sure[0, 5] = sure[1, 5] = sure[2, 7] = 20.0  # right; a repetition; another
    found = unlikelihood(sure, targets, inputs, scored, first_special=99)
    assert found.item() == pytest.approx(-2 * np.log(LEAST), rel=1e-3)
    unsure = torch.zeros(3, 100)
    # candidates: 6 | 5, 6 | 5, 6, 7, each of probability 1 / 100
    assert unlikelihood(unsure, targets, inputs, scored, first_special=99).item() == pytest.approx(-6 * np.log(0.99))
