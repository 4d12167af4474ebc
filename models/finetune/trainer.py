"""The training loop: batches in, adapters out.

Nothing is drawn from a random state that goes on from step to step: the clips follow from the seed (mixture.py), and
dropout is seeded anew for each step, so a run that was killed goes on from a checkpoint as if it had not been.
"""

import math
import time
from collections.abc import Callable, Generator
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator

from models.finetune.checkpoints import Checkpoints, Progress
from models.finetune.collation import Batch
from models.finetune.curves import Curves
from models.finetune.evaluation import HeldOutClips, Scores
from models.finetune.recipe import Recipe
from models.finetune.schedule import learning_rate
from models.finetune.stream import BatchStream
from models.finetune.whisper import TrainedWhisper
from service.errors import Failed

BETAS = (0.9, 0.98)  # as Whisper itself was trained (Radford et al. 2022, appendix F)
EPSILON = 1e-6
NOTHING = -1  # the step before the first evaluation


class Diverged(Failed):
    """The loss is no number any more; nothing was changed by the step that found it."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a listener is told: `scores` after an evaluation, `loss` of a step in nats per token otherwise."""

    step: int
    loss: float | None = None
    scores: Scores | None = None


class Trainer:
    """One process of a training. Raises Diverged, StageFull, and BadRequest for audio that cannot be read."""

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        accelerator: Accelerator,
        trained: TrainedWhisper,
        stream: BatchStream,
        held_out: HeldOutClips,
    ) -> None:
        self._folder = folder
        self._recipe = recipe
        self._accelerator = accelerator
        self._trained = trained
        self._stream = stream
        self._held_out = held_out
        self._checkpoints = Checkpoints(folder / "checkpoints", recipe.checkpoints.keep)
        adapters = [parameter for parameter in trained.parameters() if parameter.requires_grad]
        options = recipe.optimizer
        self._optimizer = torch.optim.AdamW(
            adapters, options.learning_rate, betas=BETAS, eps=EPSILON, weight_decay=options.weight_decay
        )

    def train(self, tell: Callable[[Report], None]) -> Progress:
        """Until the last step, or until held-out clips get no better. The best step has a checkpoint."""
        progress = self._restore()
        accelerator = self._accelerator
        model, optimizer = accelerator.prepare(self._trained, self._optimizer)
        self._trained.train()  # transformers loads models for use
        curves = None
        if accelerator.is_main_process:
            curves = Curves(self._folder, progress.step if self._checkpoints.latest() else NOTHING)
        if progress.best is None:
            progress = self._evaluate(progress, curves, tell)
            self._save(progress)
        with closing(self._batches(progress.step)) as batches:
            while progress.step < self._recipe.optimizer.steps and progress.stale < self._recipe.held_out.patience:
                progress = replace(progress, step=progress.step + 1)
                taken = list(islice(batches, self._recipe.optimizer.accumulate))
                values = self._step(progress.step, taken, model, optimizer)
                if curves:
                    curves.add(progress.step, **values)
                tell(Report(progress.step, loss=values["loss"]))
                progress = self._milestone(progress, curves, tell)
        self._save(progress)
        return progress

    def best_checkpoint(self, progress: Progress) -> Path:
        return self._checkpoints.of(progress.best_step)

    def _restore(self) -> Progress:
        latest = self._checkpoints.latest()
        return self._checkpoints.restore(latest, self._trained.adapted, self._optimizer) if latest else Progress()

    def _batches(self, step: int) -> Generator[Batch, None, None]:
        """This process's batches after `step` steps."""
        processes = self._accelerator.num_processes
        done = step * self._recipe.optimizer.accumulate * processes
        return self._stream.batches(done + self._accelerator.process_index, processes)

    def _step(
        self, step: int, batches: list[Batch], model: torch.nn.Module, optimizer: torch.optim.Optimizer
    ) -> dict[str, float]:
        """Changes the adapters once; what the curves are to hold of it."""
        started, accelerator, recipe = time.monotonic(), self._accelerator, self._recipe
        torch.manual_seed(_seed(recipe.seed, step, accelerator.process_index))
        rate = learning_rate(step, recipe.optimizer)
        for group in optimizer.param_groups:
            group["lr"] = rate
        sums = torch.zeros(3, device=accelerator.device)
        sums[2] = sum(batch.scored for batch in batches)
        tokens = float(accelerator.reduce(sums[2]))
        for number, batch in enumerate(batches, start=1):
            arrays = [torch.from_numpy(array).to(accelerator.device) for array in batch.arrays]
            with nullcontext() if number == len(batches) else accelerator.no_sync(model):
                losses = model(*arrays)
                loss = losses.cross_entropy
                if recipe.unlikelihood:
                    loss = loss + recipe.unlikelihood * losses.unlikelihood
                # parallel processes take the mean of their gradients: what is wanted is the mean over all tokens
                accelerator.backward(loss * accelerator.num_processes / tokens)
            sums[0] += losses.cross_entropy.detach()
            sums[1] += losses.unlikelihood.detach()
        norm = float(accelerator.clip_grad_norm_(model.parameters(), recipe.optimizer.max_gradient_norm))
        cross_entropy, unlikelihood, _ = (accelerator.reduce(sums) / tokens).tolist()
        self._check(step, {"loss": cross_entropy, "unlikelihood": unlikelihood, "gradient": norm}, batches)
        optimizer.step()
        optimizer.zero_grad()
        return {
            "loss": cross_entropy,
            "unlikelihood": unlikelihood,
            "gradient_norm": norm,
            "learning_rate": rate,
            "tokens": tokens,
            "seconds": time.monotonic() - started,
        }

    def _check(self, step: int, values: dict[str, float], batches: list[Batch]) -> None:
        wrong = [name for name, value in values.items() if not math.isfinite(value)]
        if wrong:
            latest = self._checkpoints.latest()
            clips = ", ".join(name for batch in batches for name in batch.ids)
            raise Diverged(
                f"step {step}: the {wrong[0]} is {values[wrong[0]]} on {clips}; the last good checkpoint is {latest}."
                " A lower optimizer.learning_rate or a longer optimizer.warmup_steps helps, in a new folder",
                field="optimizer.learning_rate",
            )

    def _milestone(self, progress: Progress, curves: Curves | None, tell: Callable[[Report], None]) -> Progress:
        """Evaluates and saves where it is time to."""
        last = progress.step == self._recipe.optimizer.steps
        if last or progress.step % self._recipe.held_out.every == 0:
            progress = self._evaluate(progress, curves, tell)
        if progress.best_step == progress.step or progress.step % self._recipe.checkpoints.every == 0:
            self._save(progress)
        return progress

    def _evaluate(self, progress: Progress, curves: Curves | None, tell: Callable[[Report], None]) -> Progress:
        scores = self._held_out.score(self._trained, self._accelerator)
        if curves:
            curves.add(progress.step, **scores.values())
            curves.draw()
        tell(Report(progress.step, scores=scores))
        score = scores.wer if self._recipe.held_out.metric == "wer" else scores.loss
        assert score is not None
        return progress.scored(score)

    def _save(self, progress: Progress) -> None:
        if self._accelerator.is_main_process:
            self._checkpoints.save(self._trained.adapted, self._optimizer, progress)
        self._accelerator.wait_for_everyone()


def _seed(*numbers: int) -> int:
    """One number of many, so that neither seeds nor steps side by side have dropout in common."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
