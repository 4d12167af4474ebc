"""The real base model under training, on real speech."""

from pathlib import Path

import pytest

from models.finetune.acoustics import Spectrograms
from models.finetune.collation import Collator, Sample
from models.finetune.dataset import Source, load
from models.finetune.recipe import read_recipe
from models.scoring.normalise import tokens as words
from service.decoding.vocabulary import Vocabulary
from service.decoding.windows import window_for

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_training")]

ROOT = Path(__file__).parents[4]


def test_what_is_to_be_written_is_what_base_writes_by_itself(base_hf: Path) -> None:
    """Labels, prompt tokens and short windows as Whisper knows them: the loss on clear speech is small, and greedy
    writes the labels."""
    import torch

    from models.finetune.whisper import TrainedWhisper, load_whisper, with_adapters

    recipe = read_recipe(ROOT / "models" / "recipes" / "base-cpu.yaml")
    vocabulary = Vocabulary(base_hf, multilingual=True)
    trained = TrainedWhisper(with_adapters(load_whisper(base_hf, recipe), recipe.lora), vocabulary.eot).eval()
    collator = Collator(vocabulary, Spectrograms(80, None))
    clips = load(Source(ROOT / "tests" / "data" / "manifest.jsonl"), vocabulary, recipe).clips[::2]
    loss, tokens, same = 0.0, 0, 0
    for clip in clips:
        batch = collator([Sample(clip)], window_for(clip.n_samples))
        before, sequence = collator.sequence(Sample(clip))
        mels, inputs, labels = map(torch.from_numpy, batch.arrays)
        with torch.no_grad():
            loss += trained(mels, inputs, labels).cross_entropy.item()
            (written,) = trained.greedy(mels, torch.tensor([sequence[:before]]), 60)
        tokens += batch.scored
        language = clip.example.language
        same += words(vocabulary.text(written), language) == words(clip.example.text, language)
    assert loss / tokens < 0.4
    assert same > len(clips) / 2
