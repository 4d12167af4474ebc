"""Bias prompts for training, in the form that boosted decoding prompts with (`biasing.selection`).

A model that is only shown lists whose phrases are spoken learns to write what it is told. So lists hold phrases that
were not said, among them such as sound like words that were (what retrieval brings up in service), and many lists hold
nothing that was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from models.finetune.dataset import Clip
from models.finetune.recipe import BiasPrompts
from service.biasing.compiled import Compiled, compiled
from service.biasing.entries import Entry
from service.biasing.hypothesis import heard_words
from service.biasing.matching import plain
from service.biasing.retrieval import retrieve
from service.biasing.selection import sentence
from service.decoding.vocabulary import Vocabulary
from service.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Prompt:
    """`phrases` in the order of the prompt; `spoken`: those of them that the clip holds."""

    phrases: tuple[str, ...] = ()
    spoken: tuple[str, ...] = ()

    def tokens(self, vocabulary: Vocabulary, language: str) -> list[int]:
        return vocabulary.previous(sentence(self.phrases, language)) if self.phrases else []


NO_PROMPT = Prompt()


class BiasPrompter:
    """Draws the list of each clip. `phrases`: what lists are drawn from; a clip's own keywords need not be there.

    Raises BadRequest when there are none.
    """

    def __init__(self, options: BiasPrompts, phrases: Sequence[str], vocabulary: Vocabulary) -> None:
        if not phrases:
            raise BadRequest("bias prompts need phrases: give --list, or examples with keywords", field="bias_prompts")
        self._options = options
        self._vocabulary = vocabulary
        self._words = {phrase: plain(phrase) for phrase in phrases}
        self._compiled = cache(self._compile)
        self._near = cache(self._find_near)

    def draw(self, clip: Clip, random: np.random.Generator) -> Prompt:
        """No prompt, or a list: unlikely phrases first, those that are spoken or sound so last, as in service."""
        options = self._options
        if random.random() >= options.share:
            return NO_PROMPT
        spoken = self._spoken(clip)
        if random.random() < options.without_spoken:
            told: list[str] = []
        else:
            told = [phrase for phrase in spoken if random.random() < options.recall][: options.max_phrases]
        count = int(random.integers(0 if told else 1, options.max_phrases - len(told) + 1))
        near, far = self._others(clip, count, random)
        last = [*told, *near]
        random.shuffle(last)
        return Prompt((*far, *last), tuple(told))

    def _others(self, clip: Clip, count: int, random: np.random.Generator) -> tuple[list[str], list[str]]:
        """`count` phrases that are not spoken, where there are so many: those that sound near, and any."""
        similar = list(self._near(clip))
        near = list(random.permutation(similar)[: int(random.binomial(count, self._options.near))]) if similar else []
        words = plain(clip.example.text)
        taken = {*near, *clip.example.keywords}
        rest = [p for p, own in self._words.items() if p not in taken and not _holds(words, own)]
        chosen = random.permutation(len(rest))[: count - len(near)]
        return [str(phrase) for phrase in near], [rest[i] for i in chosen]

    def _spoken(self, clip: Clip) -> list[str]:
        words = plain(clip.example.text)
        listed = [phrase for phrase, own in self._words.items() if own and _holds(words, own)]
        return list(dict.fromkeys([*clip.example.keywords, *listed]))

    def _find_near(self, clip: Clip) -> tuple[str, ...]:
        """Phrases of the list that retrieval finds in the clip's text though they are not there."""
        language, words = clip.example.language, plain(clip.example.text)
        heard = heard_words(self._vocabulary.pieces(clip.tokens, language), self._vocabulary.text)
        found = retrieve([heard], [self._compiled(language)], language=language)
        near = dict.fromkeys(candidate.entry.phrase for candidate in found)
        spoken = set(clip.example.keywords)
        return tuple(phrase for phrase in near if phrase not in spoken and not _holds(words, self._words[phrase]))

    def _compile(self, language: str) -> Compiled:
        return compiled([Entry(phrase) for phrase in self._words], language)


def _holds(words: Sequence[str], phrase: Sequence[str]) -> bool:
    size = len(phrase)
    return any(tuple(words[i : i + size]) == tuple(phrase) for i in range(len(words) - size + 1))
