"""What a training step makes smaller: cross entropy, and unlikelihood against repetition.

Whisper large-v3 repeats itself more than its predecessors, and a model that is prompted with names may write them
where nobody said them: both are tokens that were there before and come again where they do not belong. Unlikelihood
training (Welleck et al. 2019, arXiv 1908.04319, token level) takes every token of the context but the right one for a
negative candidate and adds -log(1 - p) of each. It is next to nothing where the model does not want to repeat, so it
leaves the rest alone. Here the context is the bias prompt and the text so far, without special tokens.
"""

import torch
from torch import Tensor

LEAST = 1e-6  # of 1 - p


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Sum over positions, in nats: `logits` float32 [k, vocabulary], `targets` int64 [k]."""
    return torch.nn.functional.cross_entropy(logits, targets, reduction="sum")


def unlikelihood(logits: Tensor, targets: Tensor, inputs: Tensor, scored: Tensor, *, first_special: int) -> Tensor:
    """Sum over scored positions and their negative candidates, in nats.

    `logits` float32 [k, vocabulary], `targets` int64 [k]: of the k positions where `scored`, bool [n, m], is true;
    `inputs` int64 [n, m]: the tokens that were read; from `first_special` on they are special.
    """
    rows, places = scored.nonzero(as_tuple=True)
    context = inputs[rows]  # [k, m]
    seen = torch.arange(inputs.shape[1], device=inputs.device) <= places[:, None]
    negative = seen & ~_again(inputs)[rows] & (context < first_special) & (context != targets[:, None])
    chances = (logits.gather(1, context) - logits.logsumexp(1, keepdim=True)).exp()
    return -(torch.log((1 - chances).clamp_min(LEAST)) * negative).sum()


def _again(inputs: Tensor) -> Tensor:
    """bool [n, m]: whether the same token stands further left, so that each candidate counts once."""
    same = inputs[:, :, None] == inputs[:, None, :]
    return same.tril(-1).any(-1)
