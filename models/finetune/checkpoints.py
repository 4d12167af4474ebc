"""Checkpoints of a training: adapters, optimiser and where it stands, each a folder that is whole or not there.

    checkpoints/step-000100/  adapter_model.safetensors  adapter_config.json  optimizer.pt  progress.json

The order of the clips and every step's dropout follow from seed and step (mixture.py, trainer.py), so there are no
random states to keep.
"""

import io
import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save

from models.folder import new_folder
from models.stage import StageFull, room_in
from service.errors import Failed

ADAPTER, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
OPTIMIZER, PROGRESS = "optimizer.pt", "progress.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """`step`: how many are done. `first`: the score on held-out clips before any; `best`: the lowest, reached at
    `best_step`; `stale`: how often it was missed since."""

    step: int = 0
    first: float | None = None
    best: float | None = None
    best_step: int = 0
    stale: int = 0

    def scored(self, score: float) -> "Progress":
        """After an evaluation at this step."""
        if self.best is None or score < self.best:
            first = score if self.first is None else self.first
            return replace(self, first=first, best=score, best_step=self.step, stale=0)
        return replace(self, stale=self.stale + 1)


class Checkpoints:
    """Those of one run; what a killed process left half-written is removed."""

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder = folder
        self._keep = keep
        for leaving in folder.glob(".step-*"):
            shutil.rmtree(leaving, ignore_errors=True)  # parallel processes do so as well

    def latest(self) -> Path | None:
        return max(self._folder.glob("step-*"), default=None, key=_step)

    def of(self, step: int) -> Path:
        return self._folder / f"step-{step:06d}"

    def save(self, adapted: PeftModel, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
        """Nothing happens where the step has one. Raises StageFull when the disk takes no more."""
        target = self.of(progress.step)
        if target.exists():
            return
        with room_in(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        state = io.BytesIO()  # torch says nothing of the disk when a file fails
        torch.save(optimizer.state_dict(), state)
        try:
            with new_folder(target) as folder:
                write_adapter(adapted, folder)
                (folder / OPTIMIZER).write_bytes(state.getbuffer())
                (folder / PROGRESS).write_text(json.dumps(asdict(progress)) + "\n", "utf-8")
        except Failed as error:
            raise StageFull(error.message, field=error.field) from error
        kept = {progress.best_step, *sorted(_step(path) for path in self._folder.glob("step-*"))[-self._keep :]}
        for path in self._folder.glob("step-*"):
            if _step(path) not in kept:
                shutil.rmtree(path)

    def restore(self, path: Path, adapted: PeftModel, optimizer: torch.optim.Optimizer) -> Progress:
        """Puts adapters and optimiser back where they were."""
        set_peft_model_state_dict(adapted, load_file(path / ADAPTER))
        optimizer.load_state_dict(torch.load(path / OPTIMIZER, map_location="cpu", weights_only=True))
        return read_progress(path)


def read_progress(checkpoint: Path) -> Progress:
    return Progress(**json.loads((checkpoint / PROGRESS).read_text("utf-8")))


def write_adapter(adapted: PeftModel, folder: Path) -> None:
    """As `PeftModel.from_pretrained` reads it."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in get_peft_model_state_dict(adapted).items()}
    (folder / ADAPTER).write_bytes(save(tensors))
    config = adapted.peft_config["default"].to_dict() | {"inference_mode": True}
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True, default=_plain) + "\n", "utf-8")


def copy_adapter(checkpoint: Path, folder: Path, scale: float) -> None:
    """The adapters of a checkpoint, adding `scale` of what they learnt."""
    shutil.copyfile(checkpoint / ADAPTER, folder / ADAPTER)
    config = json.loads((checkpoint / ADAPTER_CONFIG).read_text("utf-8"))
    config["lora_alpha"] *= scale
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, Iterable) else str(value)


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step-"))
