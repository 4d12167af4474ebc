"""Held-out clips: how surprising their text is to the model, and what it writes by itself, with the windows and the
limits of service."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator

from models.finetune.collation import Collator, Sample
from models.finetune.dataset import Clip
from models.finetune.mixture import HELD_OUT
from models.finetune.prompts import NO_PROMPT, BiasPrompter, Prompt
from models.finetune.recipe import Recipe
from models.finetune.whisper import TrainedWhisper
from models.scoring.counts import Counts, judge
from models.scoring.phrases import PhraseFinder
from service.decoding import guards
from service.decoding.draft import Item, grouped
from service.decoding.utterance import Utterance
from service.decoding.vocabulary import Vocabulary
from service.decoding.windows import window_for


@dataclass(frozen=True, slots=True)
class Scores:
    """`loss`: nats per token. The others are None when nothing was decoded: `wer`; `loops`, the share of clips that
    ended in a loop or ran on to the limit; with bias prompts `recall`, the share of the spoken phrases of the lists
    that was written, and `intruders`, phrases per clip that were written and not spoken."""

    loss: float
    wer: float | None = None
    loops: float | None = None
    recall: float | None = None
    intruders: float | None = None

    def values(self) -> dict[str, float]:
        """By the names that the curves have."""
        found = {
            "held_out_loss": self.loss,
            "wer": self.wer,
            "loops": self.loops,
            "recall": self.recall,
            "intruders": self.intruders,
        }
        return {name: value for name, value in found.items() if value is not None}


class HeldOutClips:
    """Every process scores a share of them; the sums are the same for all."""

    def __init__(
        self,
        clips: Sequence[Clip],
        vocabulary: Vocabulary,
        collator: Collator,
        prompter: BiasPrompter | None,
        recipe: Recipe,
    ) -> None:
        self._vocabulary = vocabulary
        self._collator = collator
        self._recipe = recipe
        self._samples = [
            Sample(clip, _prompt(prompter, clip, (recipe.seed, HELD_OUT, number))) for number, clip in enumerate(clips)
        ]

    def score(self, trained: TrainedWhisper, accelerator: Accelerator) -> Scores:
        trained.eval()
        with torch.no_grad(), accelerator.autocast():
            loss, tokens = self._losses(trained, accelerator)
            counts, loops = self._decode(trained, accelerator)
        trained.train()
        own = [loss, tokens, loops, counts.utterances, counts.errors, counts.words]
        own += [counts.phrases, counts.recalled, counts.false_alarms]
        sums = torch.tensor(own, dtype=torch.float32, device=accelerator.device)
        loss, tokens, loops, clips, errors, words, phrases, recalled, intruders = accelerator.reduce(sums).tolist()
        prompted = clips and self._recipe.bias_prompts
        return Scores(
            loss=loss / tokens,
            wer=errors / max(words, 1) if clips else None,
            loops=loops / clips if clips else None,
            recall=recalled / phrases if prompted and phrases else None,
            intruders=intruders / clips if prompted else None,
        )

    def _losses(self, trained: TrainedWhisper, accelerator: Accelerator) -> tuple[float, float]:
        """Their sum, and how many tokens they are over."""
        total, tokens = 0.0, 0
        for window, samples in self._batches(self._samples, accelerator):
            batch = self._collator(samples, window)
            arrays = [torch.from_numpy(array).to(accelerator.device) for array in batch.arrays]
            total += trained(*arrays).cross_entropy.item()
            tokens += batch.scored
        return total, tokens

    def _decode(self, trained: TrainedWhisper, accelerator: Accelerator) -> tuple[Counts, float]:
        """Counts of the words, and how many clips looped."""
        counts, loops = Counts(), 0
        chosen = self._samples[: self._recipe.held_out.wer_clips]
        for window, samples in self._batches(chosen, accelerator):
            heard = torch.from_numpy(self._collator(samples, window).heard).to(accelerator.device)
            starts = [tokens[:before] for before, tokens in map(self._collator.sequence, samples)]
            items = [_item(sample) for sample in samples]
            limit = max(item.token_limit for item in items)
            rows = trained.greedy(heard, torch.tensor(starts, device=accelerator.device), limit)
            for sample, item, tokens in zip(samples, items, rows, strict=True):
                counts += self._judge(sample, tokens)
                loops += _looped(item, tokens)
        return counts, loops

    def _judge(self, sample: Sample, tokens: Sequence[int]) -> Counts:
        example, prompt = sample.clip.example, sample.prompt
        on_list = PhraseFinder(prompt.phrases, example.language)
        return judge(example.text, self._vocabulary.text(tokens), prompt.spoken, on_list, example.language).counts

    def _batches(self, samples: Sequence[Sample], accelerator: Accelerator) -> Iterator[tuple[int, tuple[Sample, ...]]]:
        """This process's, of equal windows and prompts of equal length, so that rows are in step."""
        size = self._recipe.optimizer.batch_size
        own = samples[accelerator.process_index :: accelerator.num_processes]
        for (window, _), group in grouped(own, self._shape):
            for at in range(0, len(group), size):
                yield window, tuple(group[at : at + size])

    def _shape(self, sample: Sample) -> tuple[int, int]:
        return window_for(sample.clip.n_samples), self._collator.sequence(sample)[0]


def _prompt(prompter: BiasPrompter | None, clip: Clip, seed: tuple[int, ...]) -> Prompt:
    return prompter.draw(clip, np.random.default_rng(seed)) if prompter else NO_PROMPT


def _item(sample: Sample) -> Item:
    """For the limits of service, which only ask how long it is."""
    silence = np.zeros(sample.clip.n_samples, np.int16)
    return Item(Utterance(silence), sample.clip.example.language)


def _looped(item: Item, tokens: Sequence[int]) -> bool:
    hurried = item.is_hurried(len(tokens))
    return len(tokens) >= item.token_limit or len(guards.without_loop(tokens, hurried=hurried)) < len(tokens)
