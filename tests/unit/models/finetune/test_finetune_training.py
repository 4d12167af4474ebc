"""Whole trainings of a tiny Whisper: that they learn, that a kill changes nothing, and what accidents say."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from models.finetune.dataset import Source
from models.finetune.run import finetune
from models.merge import merge
from models.stage import StageFull
from service.cli import app
from service.errors import BadRequest, ModelUnavailable
from tests.unit.models.finetune.jobs import curve, job, train, write_manifest

pytestmark = pytest.mark.usefixtures("one_training")


def test_the_loss_falls_and_the_adapters_of_the_best_step_are_kept(tmp_path: Path, tiny_hf: Path) -> None:
    wanted = job(tmp_path, tiny_hf)
    result = train(wanted)
    assert result.steps == 12
    points = curve(wanted.folder)
    held_out = {point["step"]: point["held_out_loss"] for point in points if "held_out_loss" in point}
    assert list(held_out) == [0, 4, 8, 12]
    assert result.before - result.best > 0.5
    assert held_out[result.best_step] == min(held_out.values())
    best = wanted.folder / "checkpoints" / f"step-{result.best_step:06d}"
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (wanted.folder / "adapter" / name).read_bytes() == (best / name).read_bytes()
    assert (wanted.folder / "recipe.yaml").read_bytes() == wanted.recipe.read_bytes()
    assert (wanted.folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_training_that_is_through_does_nothing(tmp_path: Path, tiny_hf: Path) -> None:
    wanted = job(tmp_path, tiny_hf, optimizer={"steps": 2})
    first = train(wanted)
    before = {path: path.read_bytes() for path in wanted.folder.rglob("*") if path.is_file()}
    assert train(wanted) == first
    assert {path: path.read_bytes() for path in wanted.folder.rglob("*") if path.is_file()} == before


def test_a_killed_training_ends_as_an_undisturbed_one(tmp_path: Path, tiny_hf: Path) -> None:
    undisturbed = job(tmp_path, tiny_hf, "undisturbed", bias_prompts={}, unlikelihood=0.2)
    train(undisturbed)
    killed = job(tmp_path, tiny_hf, "killed", bias_prompts={}, unlikelihood=0.2)
    # the process ends at once at the eighth step, as a kill would end it: nothing is closed or flushed
    program = (
        "import os, sys; from pathlib import Path; from models.finetune.run import finetune;"
        "from tests.unit.models.finetune.jobs import job;"
        "wanted = job(Path(sys.argv[1]), Path(sys.argv[2]), 'killed', bias_prompts={}, unlikelihood=0.2);"
        "finetune(wanted, note=print, tell=lambda report: report.step == 8 and os.kill(os.getpid(), 9))"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path), str(tiny_hf)]
    ended = subprocess.run(
        arguments, env={**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert max(point["step"] for point in curve(killed.folder)) == 8
    assert not (killed.folder / "checkpoints" / "step-000008").exists()
    train(killed)
    assert curve(killed.folder) == curve(undisturbed.folder)
    for name in ("adapter/adapter_model.safetensors", "result.json"):
        assert (killed.folder / name).read_bytes() == (undisturbed.folder / name).read_bytes()


def test_a_decoder_learns_the_same_from_kept_encodings_as_from_spectrograms(tmp_path: Path, tiny_hf: Path) -> None:
    alone: dict[str, Any] = {"lora": {"encoder": False}, "windows": {"wider": 0.0}, "spec_augment": None}
    heard = train(job(tmp_path, tiny_hf, "heard", **alone))
    encoded = train(job(tmp_path, tiny_hf, "encoded", encodings=1, **alone))
    assert heard.steps == encoded.steps
    assert encoded.best == pytest.approx(heard.best, rel=1e-4)
    losses = [[point["loss"] for point in curve(tmp_path / name) if "loss" in point] for name in ("heard", "encoded")]
    np.testing.assert_allclose(*losses, rtol=1e-3)


def test_a_final_scale_puts_the_merged_model_between_the_old_and_the_trained_one(tmp_path: Path, tiny_hf: Path) -> None:
    from safetensors.numpy import load_file

    weights = {0.0: load_file(tiny_hf / "model.safetensors")}
    for scale in (0.25, 1.0):
        train(job(tmp_path, tiny_hf, f"by-{scale}", lora={"final_scale": scale}))
        merge(tiny_hf, tmp_path / f"by-{scale}" / "adapter", tmp_path / f"merged-{scale}")
        weights[scale] = load_file(tmp_path / f"merged-{scale}" / "model.safetensors")
    for name, old in weights[0.0].items():
        np.testing.assert_allclose(weights[0.25][name], old + 0.25 * (weights[1.0][name] - old), atol=1e-6)
    assert any((weights[1.0][name] != old).any() for name, old in weights[0.0].items())


def test_two_processes_train_as_one_with_twice_the_batches(tmp_path: Path, tiny_hf: Path) -> None:
    same = {"lora": {"dropout": 0.0}, "held_out": {"wer_clips": 0}}  # dropout is each process's own
    alone = job(tmp_path, tiny_hf, "alone", optimizer={"steps": 4, "batch_size": 1, "accumulate": 4}, **same)
    train(alone)
    both = job(tmp_path, tiny_hf, "both", optimizer={"steps": 4, "batch_size": 1, "accumulate": 2}, **same)
    data = str(both.held_out.path)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "service.cli", "models", "finetune", str(tmp_path), "--stage", "both"]
    command += ["--recipe", str(both.recipe), "--model", str(tiny_hf), "--train", data, "--held-out", data]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"{both.folder / 'adapter'}\n"  # from one of them
    for one, two in zip(curve(alone.folder), curve(both.folder), strict=True):
        assert two == pytest.approx(one, rel=1e-4)


@pytest.mark.parametrize(
    ("sections", "named"),
    [({"lora": {"rank": 8}}, "lora.rank"), ({"seed": 4}, "seed"), ({"unlikelihood": 0.5}, "unlikelihood")],
)
def test_a_folder_that_was_begun_with_another_recipe_is_refused(
    tmp_path: Path, tiny_hf: Path, sections: dict, named: str
) -> None:
    wanted = job(tmp_path, tiny_hf, optimizer={"steps": 1})
    train(wanted)
    other = job(tmp_path, tiny_hf, "other", **{"optimizer": {"steps": 1}, **sections})
    with pytest.raises(BadRequest, match=rf"another {named}"):
        train(replace(other, folder=wanted.folder))


def test_a_folder_that_was_begun_with_other_clips_is_refused(tmp_path: Path, tiny_hf: Path) -> None:
    wanted = job(tmp_path, tiny_hf, optimizer={"steps": 1})
    train(wanted)
    write_manifest(tmp_path / "data", ("other", "texts"))
    with pytest.raises(BadRequest, match="another held_out, train"):
        train(wanted)


def test_training_ends_early_when_held_out_clips_get_no_better(tmp_path: Path, tiny_hf: Path) -> None:
    # a rate that is far too high only does harm
    wanted = job(
        tmp_path, tiny_hf, optimizer={"learning_rate": 500.0, "warmup_steps": 0}, held_out={"patience": 2, "every": 1}
    )
    result = train(wanted)
    assert result.steps == result.best_step + 2 < 12
    assert (wanted.folder / "adapter" / "adapter_config.json").exists()


def test_a_loss_that_is_no_number_ends_the_training_with_the_last_good_checkpoint(
    tmp_path: Path, tiny_hf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.finetune import trainer
    from models.finetune.whisper import Losses, TrainedWhisper

    forward = TrainedWhisper.forward
    calls = 0

    def poisoned(self, mels, inputs, labels):
        nonlocal calls
        calls += self.training
        losses = forward(self, mels, inputs, labels)
        return Losses(losses.cross_entropy * float("nan"), losses.unlikelihood) if calls == 10 else losses

    monkeypatch.setattr(TrainedWhisper, "forward", poisoned)
    wanted = job(tmp_path, tiny_hf)
    with pytest.raises(trainer.Diverged, match=r"step 5: the loss is nan on beep-\d.*step-000004") as caught:
        train(wanted)
    assert caught.value.field == "optimizer.learning_rate"
    assert max(point["step"] for point in curve(wanted.folder)) == 4
    monkeypatch.undo()
    assert train(wanted).steps == 12  # it was the machine's fault, and the checkpoint is good


def test_a_full_disk_is_told_and_the_former_checkpoint_stays(
    tmp_path: Path, tiny_hf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bytes = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name == "optimizer.pt" and "step-000003" in str(path):
            write_bytes(path, bytes(data)[:10])
            raise OSError(28, "No space left on device")
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    wanted = job(tmp_path, tiny_hf)
    with pytest.raises(StageFull, match="No space left"):
        train(wanted)
    assert [path.name for path in (wanted.folder / "checkpoints").iterdir()] == ["step-000000"]
    monkeypatch.undo()
    assert train(wanted).steps == 12


def test_audio_that_vanishes_during_training_is_named(tmp_path: Path, tiny_hf: Path) -> None:
    wanted = job(tmp_path, tiny_hf)

    def vanish(text: str) -> None:
        (tmp_path / "data" / "audio" / "beep-4.flac").unlink(missing_ok=True)

    with pytest.raises(BadRequest, match=r"beep-4: .*No such file") as caught:
        finetune(wanted, note=vanish, tell=lambda report: None)
    assert caught.value.field == "audio"


def test_mixed_manifests_are_drawn_from_by_weight(tmp_path: Path, tiny_hf: Path) -> None:
    other = write_manifest(tmp_path / "other", ("one more",), id="other")
    wanted = job(tmp_path, tiny_hf, optimizer={"steps": 1})
    train(replace(wanted, train=(*wanted.train, Source(other, 2.0))))
    assert json.loads((wanted.folder / "options.json").read_text())["train"][1].endswith("x 2")


def test_the_model_can_train_in_bfloat16_with_checkpointed_activations(tmp_path: Path, tiny_hf: Path) -> None:
    result = train(job(tmp_path, tiny_hf, precision="bf16", gradient_checkpointing=True))
    assert result.before - result.best > 0.3


def test_a_folder_that_holds_no_transformers_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="import-ct2"):
        train(job(tmp_path, tmp_path))


def test_the_command_prints_the_folder_of_the_adapters(tmp_path: Path, tiny_hf: Path) -> None:
    wanted = job(tmp_path, tiny_hf, optimizer={"steps": 2})
    data = str(wanted.held_out.path)
    arguments = ["--recipe", str(wanted.recipe), "--model", str(tiny_hf), "--train", f"{data}=2", "--held-out", data]
    result = CliRunner().invoke(app, ["models", "finetune", str(tmp_path / "run"), *arguments])
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(tmp_path / "run" / "finetune" / "adapter")
    assert "6 clips" in result.stderr
    assert "held-out score: 11." in result.stderr


def test_the_command_names_a_wrong_key_in_one_line(tmp_path: Path, tiny_hf: Path) -> None:
    wanted = job(tmp_path, tiny_hf, lora={"rnak": 2})
    arguments = ["--recipe", str(wanted.recipe), "--model", str(tiny_hf), "--held-out", str(wanted.held_out.path)]
    result = CliRunner().invoke(app, ["models", "finetune", str(tmp_path / "run"), *arguments])
    assert result.exit_code == 2
    assert "lora.rnak: there is no such key" in result.stderr
    assert not (tmp_path / "run").exists()
