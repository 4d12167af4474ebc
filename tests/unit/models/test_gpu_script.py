"""tools/adapt-gpu.sh: what it expects is computed from the shapes that the model really has."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from models.finetune.recipe import read_recipe

ROOT = Path(__file__).parents[3]
RECIPE = ROOT / "models" / "recipes" / "large-v3-gpu.yaml"
LARGE_V3 = {"d_model": 1280, "vocab_size": 51866, "num_mel_bins": 128}
LARGE_V3 |= {f"{part}_layers": 32 for part in ("encoder", "decoder")}
LARGE_V3 |= {f"{part}_attention_heads": 20 for part in ("encoder", "decoder")}
LARGE_V3 |= {f"{part}_ffn_dim": 5120 for part in ("encoder", "decoder")}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "tools" / "adapt-gpu.sh", *arguments], capture_output=True, text=True, check=False)


def test_weights_and_adapters_are_counted_as_torch_counts_them(training_packages: None) -> None:
    import torch
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    from models.finetune.whisper import with_adapters

    with torch.device("meta"):
        adapted = with_adapters(WhisperForConditionalGeneration(WhisperConfig(**LARGE_V3)), read_recipe(RECIPE).lora)
    trained = sum(each.numel() for each in adapted.parameters() if each.requires_grad)
    frozen = sum(each.numel() for each in adapted.parameters()) - trained
    told = re.search(r"([\d.]+) G weights, ([\d.]+) M of adapters", run("--estimate").stdout)
    assert told
    assert (float(told[1]), float(told[2])) == (
        pytest.approx(frozen / 1e9, rel=0.01),
        pytest.approx(trained / 1e6, 0.01),
    )


def test_longer_windows_want_more_of_both() -> None:
    found = re.findall(r"([\d.]+) GB on each GPU, (\d+) minutes", run("--estimate", "2").stdout)
    (short_gb, short_minutes), (long_gb, long_minutes) = (map(float, each) for each in found)
    assert 3 < short_gb < long_gb
    assert 1 <= short_minutes < long_minutes


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="there is a GPU here, which would be used")
def test_without_a_gpu_nothing_is_begun(tmp_path: Path) -> None:
    found = run(str(tmp_path / "run"), "ours-v1")
    assert (found.returncode, "error: no nvidia-smi" in found.stderr) == (1, True)
    assert not (tmp_path / "run").exists()


def test_a_run_without_a_name_is_refused() -> None:
    assert run("only-a-run").returncode == 2
