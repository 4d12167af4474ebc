"""Teacher forcing: what the model thinks of a given text, for the guards' evidence, for word times and confidences."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import ctranslate2
import numpy as np

from service.decoding import model
from service.decoding.costs import Costs
from service.decoding.draft import Draft, Item, grouped
from service.decoding.features import HOP, LogMel
from service.decoding.vocabulary import Vocabulary
from service.decoding.windows import BUCKETS
from service.decoding.word_times import timed
from service.transcript import Piece, TokenLogprob

NO_FRAMES = 2  # makes the time warping trivial where only probabilities are wanted
LEAST_PROBABILITY = 1e-10  # of a token; keeps its logarithm finite


class Aligner:
    """Immutable after construction."""

    def __init__(self, whisper: ctranslate2.models.Whisper, vocabulary: Vocabulary, log_mel: LogMel) -> None:
        self._model = whisper
        self._vocabulary = vocabulary
        silence = log_mel(np.zeros(HOP, np.int16), BUCKETS[0])
        self._silence = model.to_array(whisper.encode(ctranslate2.StorageView.from_array(silence[None])))

    def weigh(self, items: Sequence[Item], drafts: Sequence[Draft], costs: Costs) -> list[Draft]:
        """The drafts, one per item and of one encoder output; the doubtful ones with their evidence."""
        result = list(drafts)
        doubtful = [i for i, draft in enumerate(drafts) if draft.doubtful]
        for (language, task), group in grouped(doubtful, lambda i: items[i].spoken):
            start = self._vocabulary.start_sequence(language, task)
            texts = [list(drafts[i].tokens) for i in group]
            silence = ctranslate2.StorageView.from_array(np.repeat(self._silence, len(group), axis=0))
            with costs.measured("align"):
                memory = model.take(drafts[group[0]].encoded.memory, [drafts[i].row for i in group])
                heard = self._model.align(memory, start, texts, [NO_FRAMES] * len(group))
                unheard = self._model.align(silence, start, texts, [NO_FRAMES] * len(group))
            for i, given_audio, given_silence in zip(group, heard, unheard, strict=True):
                result[i] = drafts[i].weighed(given_audio.text_token_probs, given_silence.text_token_probs)
        return result

    def time(self, items: Sequence[Item], pieces: Sequence[tuple[Piece, ...]], costs: Costs) -> list[tuple[Piece, ...]]:
        """The pieces of each item; with times and confidences where the item needs them and was encoded."""
        result = list(pieces)
        wanted = [
            (i, item, item.draft)
            for i, item in enumerate(items)
            if item.draft is not None and item.needs_times and pieces[i]
        ]
        for ((language, task), _), group in grouped(wanted, lambda w: (w[1].spoken, id(w[2].encoded))):
            texts = [[token for piece in pieces[i] for token in piece.tokens] for i, _, _ in group]
            frames = [max(NO_FRAMES, len(item.utterance.samples) // HOP) for _, item, _ in group]
            with costs.measured("align"):
                memory = model.take(group[0][2].encoded.memory, [draft.row for _, _, draft in group])
                start = self._vocabulary.start_sequence(language, task)
                found = self._model.align(memory, start, texts, frames)
            for (i, item, _), path in zip(group, found, strict=True):
                result[i] = timed(pieces[i], path.alignments, path.text_token_probs, item.utterance.seconds)
                if item.utterance.options.logprobs:
                    result[i] = self._with_logprobs(result[i], path.text_token_probs)
        return result

    def _with_logprobs(self, pieces: Sequence[Piece], probabilities: Sequence[float]) -> tuple[Piece, ...]:
        """`probabilities`: one per token of all pieces, 0..1."""
        following = iter(probabilities)
        return tuple(
            replace(piece, logprobs=self._logprobs(piece.tokens, list(islice(following, len(piece.tokens)))))
            for piece in pieces
        )

    def _logprobs(self, tokens: Sequence[int], probabilities: Sequence[float]) -> tuple[TokenLogprob, ...]:
        return tuple(
            TokenLogprob(self._vocabulary.utf8(token), math.log(min(max(p, LEAST_PROBABILITY), 1.0)))
            for token, p in zip(tokens, probabilities, strict=True)
        )
