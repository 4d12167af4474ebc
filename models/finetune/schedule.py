"""The learning rate of each step."""

import math

from models.finetune.recipe import Optimizer


def learning_rate(step: int, options: Optimizer) -> float:
    """Of step `step`, counted from 1."""
    if step <= options.warmup_steps:
        return options.learning_rate * step / options.warmup_steps
    # the last step is not wasted on a rate of 0
    share = (step - 1 - options.warmup_steps) / max(options.steps - options.warmup_steps, 1)
    left = {"constant": 1.0, "linear": 1 - share, "cosine": (1 + math.cos(math.pi * share)) / 2}[options.schedule]
    return options.learning_rate * (options.final_share + (1 - options.final_share) * left)
