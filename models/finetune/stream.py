"""Batches in the order of training, made by threads while the model computes."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import numpy as np

from models.finetune.collation import Batch, Collator, Sample
from models.finetune.dataset import Clips
from models.finetune.mixture import Draw, batches, draws
from models.finetune.prompts import NO_PROMPT, BiasPrompter
from models.finetune.recipe import Recipe
from models.finetune.windows import draw_window

THREADS = 2
AHEAD = 6  # batches


class BatchStream:
    """Every batch of a training follows from the recipe's seed and its number."""

    def __init__(
        self, sources: Sequence[Clips], collator: Collator, prompter: BiasPrompter | None, recipe: Recipe
    ) -> None:
        self._sources = sources
        self._collator = collator
        self._prompter = prompter
        self._recipe = recipe

    def batches(self, first: int, stride: int) -> Generator[Batch, None, None]:
        """From the batch of number `first` on every `stride`-th, without end."""
        with ThreadPoolExecutor(THREADS) as threads:
            waiting: deque[Future[Batch]] = deque()
            try:
                for window, drawn in islice(self._drawn(), first, None, stride):
                    waiting.append(threads.submit(self._batch, window, drawn))
                    if len(waiting) > AHEAD:
                        yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _drawn(self) -> Iterator[tuple[int, tuple[Draw, ...]]]:
        sizes = [len(source.clips) for source in self._sources]
        weights = [source.source.weight for source in self._sources]
        recipe = self._recipe
        return batches(draws(sizes, weights, recipe.seed), recipe.optimizer.batch_size, self._window)

    def _window(self, draw: Draw) -> int:
        n_samples = self._sources[draw.source].clips[draw.index].n_samples
        recipe = self._recipe
        seed = draw.sound_seed(recipe.seed, "window", recipe.encodings)
        return draw_window(n_samples, recipe.windows, np.random.default_rng(seed))

    def _batch(self, window: int, drawn: Iterable[Draw]) -> Batch:
        return self._collator([self._sample(draw) for draw in drawn], window)

    def _sample(self, draw: Draw) -> Sample:
        clip, recipe, prompt = self._sources[draw.source].clips[draw.index], self._recipe, NO_PROMPT
        if self._prompter:
            prompt = self._prompter.draw(clip, np.random.default_rng(draw.prompt_seed(recipe.seed)))
        return Sample(clip, prompt, draw.sound_seed(recipe.seed, "masks", recipe.encodings))
