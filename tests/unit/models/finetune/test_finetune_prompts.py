"""Lists in training prompts: what they hold, and that they look as in service."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.finetune.dataset import Clip, text_tokens
from models.finetune.prompts import NO_PROMPT, BiasPrompter, Prompt
from models.finetune.recipe import BiasPrompts
from models.manifest import Example
from service.biasing.entries import Entry
from service.biasing.retrieval import Candidate
from service.biasing.selection import prompt_text
from service.decoding.vocabulary import Vocabulary
from service.errors import BadRequest
from tests import tiny_whisper

PHRASES = ("Loewe", "Goyard", "Mrs Castellane", "Castellani", "Reverso", "Balenciaga", "Lowe", "Kastelan", "Monaco")


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    folder = tmp_path_factory.mktemp("vocabulary")
    (folder / "tokenizer.json").write_text(json.dumps(tiny_whisper.tokenizer_json()), "utf-8")
    return Vocabulary(folder, multilingual=True)


def clip(vocabulary: Vocabulary, text: str, *keywords: str, language: str = "en") -> Clip:
    return Clip(Example("x", text, language, keywords=keywords), text_tokens(text, language, vocabulary), 16_000)


def lists(vocabulary: Vocabulary, spoken: Clip, **options: float) -> list[Prompt]:
    prompter = BiasPrompter(BiasPrompts(**options), PHRASES, vocabulary)
    return [prompter.draw(spoken, np.random.default_rng(seed)) for seed in range(300)]


def test_shares_are_as_the_recipe_says(vocabulary: Vocabulary) -> None:
    found = lists(
        vocabulary, clip(vocabulary, "Mrs Castellane called.", "Mrs Castellane"), share=0.7, without_spoken=0.4
    )
    prompted = [prompt for prompt in found if prompt != NO_PROMPT]
    assert len(prompted) / len(found) == pytest.approx(0.7, abs=0.08)
    assert sum(not prompt.spoken for prompt in prompted) / len(prompted) == pytest.approx(0.4 + 0.6 * 0.1, abs=0.1)


def test_a_list_holds_what_is_spoken_and_others_that_are_not(vocabulary: Vocabulary) -> None:
    # Loewe is no keyword of the clip, but on the list and in the text
    spoken = clip(vocabulary, "Mrs Castellane wants the Loewe bag.", "Mrs Castellane")
    for prompt in lists(vocabulary, spoken, share=1):
        assert len(prompt.phrases) <= 10
        assert len(set(prompt.phrases)) == len(prompt.phrases) > 0
        assert set(prompt.spoken) == set(prompt.phrases) & {"Mrs Castellane", "Loewe"}


def test_phrases_that_sound_like_words_of_the_clip_are_preferred_and_stand_last(vocabulary: Vocabulary) -> None:
    spoken = clip(vocabulary, "Mrs Castellane called from the office.", "Mrs Castellane")
    found = lists(vocabulary, spoken, share=1, without_spoken=1, near=1, max_phrases=4)
    near = [any(phrase in ("Castellani", "Kastelan") for phrase in prompt.phrases) for prompt in found]
    assert sum(near) > 0.7 * len(found)
    assert all(
        prompt.phrases[-1] in ("Castellani", "Kastelan") for prompt, is_near in zip(found, near, strict=True) if is_near
    )


def test_the_same_random_numbers_draw_the_same_list(vocabulary: Vocabulary) -> None:
    spoken = clip(vocabulary, "The Goyard trunk.", "Goyard")
    assert lists(vocabulary, spoken) == lists(vocabulary, spoken)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_prompt_has_the_tokens_of_boosted_decoding(vocabulary: Vocabulary, language: str) -> None:
    ranked = [Candidate(Entry(phrase), 0, 0, 1, (0, 1), "", 0.1, -score) for score, phrase in enumerate(PHRASES[:3])]
    in_service = vocabulary.previous(f" {prompt_text(ranked, language)}")
    assert Prompt(PHRASES[2::-1]).tokens(vocabulary, language) == in_service


def test_prompts_without_phrases_are_refused(vocabulary: Vocabulary) -> None:
    with pytest.raises(BadRequest, match="--list"):
        BiasPrompter(BiasPrompts(), (), vocabulary)


def test_a_list_of_one_phrase_that_is_spoken_is_enough(vocabulary: Vocabulary, tmp_path: Path) -> None:
    prompter = BiasPrompter(BiasPrompts(share=1, without_spoken=1), ("Goyard",), vocabulary)
    found = prompter.draw(clip(vocabulary, "The Goyard trunk.", "Goyard"), np.random.default_rng(0))
    assert found.tokens(vocabulary, "en") == []
