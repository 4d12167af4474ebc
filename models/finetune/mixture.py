"""The order of training: which clip comes when. A pure function of the seed, so a run that goes on needs no record."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

K = TypeVar("K", bound=Hashable)
WINDOW, PROMPT, CHOICE, ORDER, HELD_OUT, MASKS = range(6)  # streams of random numbers under one seed


@dataclass(frozen=True, slots=True)
class Draw:
    """The `number`-th clip of the training, counted from 0: clip `index` of manifest `source`, in its `epoch`."""

    number: int
    source: int
    index: int
    epoch: int

    def prompt_seed(self, seed: int) -> tuple[int, ...]:
        """Of the prompt that the clip has this time."""
        return seed, PROMPT, self.number

    def sound_seed(self, seed: int, of: Literal["window", "masks"], variants: int | None) -> tuple[int, ...]:
        """Of the window or the masks that the clip has this time: always others, or `variants` of them in turn."""
        turn = self.epoch if variants is None else self.epoch % variants
        return seed, WINDOW if of == "window" else MASKS, self.source, self.index, turn


def draws(sizes: Sequence[int], weights: Sequence[float], seed: int) -> Iterator[Draw]:
    """Clips without end. Each manifest is drawn from in proportion to its weight whatever its size, and gives each of
    its `sizes` clips once, in random order, before one comes again."""
    chances = np.cumsum(np.asarray(weights, np.float64) / sum(weights))
    choose = np.random.default_rng((seed, CHOICE))
    taken = [0] * len(sizes)
    orders = [_order(seed, source, 0, size) for source, size in enumerate(sizes)]
    number = 0
    while True:
        source = min(int(np.searchsorted(chances, choose.random(), side="right")), len(sizes) - 1)
        epoch, place = divmod(taken[source], sizes[source])
        if place == 0 and epoch:
            orders[source] = _order(seed, source, epoch, sizes[source])
        yield Draw(number, source, int(orders[source][place]), epoch)
        taken[source] += 1
        number += 1


def batches(drawn: Iterable[Draw], size: int, window_of: Callable[[Draw], K]) -> Iterator[tuple[K, tuple[Draw, ...]]]:
    """Batches of equal windows: one is given out as soon as `size` clips wait for its window."""
    waiting: dict[K, list[Draw]] = defaultdict(list)
    for draw in drawn:
        window = window_of(draw)
        waiting[window].append(draw)
        if len(waiting[window]) == size:
            yield window, tuple(waiting.pop(window))


def _order(seed: int, source: int, epoch: int, size: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.random.default_rng((seed, ORDER, source, epoch)).permutation(size)
