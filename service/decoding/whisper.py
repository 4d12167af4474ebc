"""Whisper on CTranslate2: a batch of utterances in, a hypothesis for each out.

One batch is encoded once per window size; whatever differs between its items (language, prompt, committed prefix,
beam) is grouped inside. A hypothesis that fails its checks is decoded again alone, never its neighbours. Nothing
depends on the other items of a batch, so a batch can be cut in any way and read the same.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import ctranslate2
import numpy as np

from service.biasing.boost import Boost
from service.decoding import guards, model
from service.decoding.aligner import Aligner
from service.decoding.boosting import Booster
from service.decoding.costs import Costs
from service.decoding.draft import Draft, Encoded, Item, grouped
from service.decoding.fallback import Attempt, attempt
from service.decoding.features import LogMel
from service.decoding.utterance import DecodeOptions, DecodeResult, Timings, Utterance
from service.decoding.vocabulary import Vocabulary
from service.decoding.windows import MAX_SAMPLES
from service.transcript import SAMPLE_RATE, Hypothesis, Piece

__all__ = ["DecodeOptions", "DecodeResult", "Timings", "Utterance", "WhisperDecoder"]

MIN_SAMPLES = SAMPLE_RATE // 10  # nobody says a word in less
MIN_SWING = 8  # of 65,536 steps, lowest to highest sample: below it there is no signal
MAX_PREFIX = 200  # tokens
ALTERNATIVES = 2  # further hypotheses of the beam in which a bias list looks for its phrases


class WhisperDecoder:
    """`threads` Python threads may call `decode` at the same time; nothing is kept between calls.

    Raises ModelUnavailable, with a message for people, when the model cannot be loaded.
    """

    def __init__(self, model_dir: Path, *, device: str, compute_type: str, threads: int) -> None:
        self._model = model.load(model_dir, device=device, compute_type=compute_type, threads=threads)
        self.is_multilingual = bool(self._model.is_multilingual)
        self._vocabulary = Vocabulary(model_dir, multilingual=self.is_multilingual)
        self.languages: tuple[str, ...] = self._vocabulary.languages
        self._log_mel = LogMel(self._model.n_mels)
        self._aligner = Aligner(self._model, self._vocabulary, self._log_mel)
        self._booster = Booster(self._model, self._vocabulary)

    def supports(self, language: str) -> bool:
        return language in self.languages

    def decode(self, batch: Sequence[Utterance]) -> DecodeResult:
        """One hypothesis per utterance, in the same order.

        Silence and noise give an empty hypothesis (the prefix, where there is one). Raises ValueError for an
        utterance over `MAX_SAMPLES`, a language the model lacks, a prefix over `MAX_PREFIX` tokens or samples
        that are not int16 mono.
        """
        for utterance in batch:
            self._check(utterance)
        costs = Costs()
        items = [Item(utterance, self._first_language(utterance.options)) for utterance in batch]
        waiting = [item for item in items if _is_audible(item.utterance)]
        for number in itertools.count():
            if not waiting:
                break
            self._attempt(waiting, number, costs)
            waiting = [item for item in waiting if _may_retry(item, number + 1)]
            costs.fallbacks += len(waiting)
        pieces = self._aligner.time(items, [self._pieces(item) for item in items], costs)
        pieces, boosts = self._boost(items, pieces, costs)
        hypotheses = tuple(map(_hypothesis, items, pieces, boosts))
        rejected = sum(item.draft is not None and item.draft.rejected for item in items)
        timings = costs.timings(batch_size=len(batch), rejected=rejected)
        return DecodeResult(hypotheses, timings, tuple(boosts), tuple(map(self._alternatives, items)))

    def _check(self, utterance: Utterance) -> None:
        samples, options = utterance.samples, utterance.options
        if samples.ndim != 1 or samples.dtype != np.int16:
            raise ValueError(f"samples must be int16 [n], not {samples.dtype} {list(samples.shape)}")
        if len(samples) > MAX_SAMPLES:
            raise ValueError(f"utterance of {utterance.seconds:.1f} s is over {MAX_SAMPLES / SAMPLE_RATE:.0f} s")
        for language in options.languages if options.language is None else (options.language,):
            if not self.supports(language):
                raise ValueError(f"the model does not know the language {language!r}")
        if len(utterance.prefix) > MAX_PREFIX:
            raise ValueError(f"prefix of {len(utterance.prefix)} tokens is over {MAX_PREFIX}")

    def _first_language(self, options: DecodeOptions) -> str:
        """The language that was asked for; where it is to be detected, what stands until then."""
        return options.language or (options.languages or self.languages)[0]

    def _attempt(self, items: list[Item], number: int, costs: Costs) -> None:
        """Decodes each item and keeps the draft where it is better than the item's."""
        for step, group in grouped(items, lambda item: _attempt_on(item, number)):
            encoded = self._encode(group, step.window, costs)
            if number == 0:
                self._detect_languages(group, encoded, costs)
            rows = [(item, row, self._prompt(item)) for row, item in enumerate(group)]
            # CTranslate2 wants <|startoftranscript|> at one place in all prompts of a call
            for _, same in grouped(rows, lambda r: (len(r[2]) - len(r[0].utterance.prefix), r[0].token_limit)):
                drafts = self._generate(same, encoded, step, costs)
                drafts = self._aligner.weigh([item for item, _, _ in same], drafts, costs)
                for (item, _, _), draft in zip(same, drafts, strict=True):
                    if draft.better_than(item.draft):
                        item.draft = draft

    def _boost(
        self, items: list[Item], pieces: list[tuple[Piece, ...]], costs: Costs
    ) -> tuple[list[tuple[Piece, ...]], list[Boost | None]]:
        """The pieces as the items' bias lists have them, and what the lists did."""
        boosts = self._booster.boost(items, pieces, costs)
        changed = [i for i, boost in enumerate(boosts) if boost and boost.tokens != _tokens(pieces[i])]
        spelled = [self._vocabulary.pieces(boost.tokens, items[i].language) for i in changed if (boost := boosts[i])]
        result = [self._booster.watched(item, own, costs) for item, own in zip(items, pieces, strict=True)]
        for i, timed in zip(changed, self._aligner.time([items[i] for i in changed], spelled, costs), strict=True):
            result[i] = timed
        return result, boosts

    def _encode(self, items: list[Item], window: int, costs: Costs) -> Encoded:
        with costs.measured("features"):
            mels = np.stack([self._log_mel(item.utterance.samples, window) for item in items])
        with costs.measured("encode"):
            memory = model.encode(self._model, mels)
        costs.window_samples += window * len(items)
        return Encoded(memory, window)

    def _detect_languages(self, items: list[Item], encoded: Encoded, costs: Costs) -> None:
        unknown = [row for row, item in enumerate(items) if item.utterance.options.language is None]
        if not unknown or not self.is_multilingual:
            return
        with costs.measured("generate"):
            found = self._model.detect_language(model.take(encoded.memory, unknown))
        for row, ranked in zip(unknown, found, strict=True):
            probabilities = {token.strip("<|>"): float(probability) for token, probability in ranked}
            candidates = items[row].utterance.options.languages or probabilities
            items[row].language = max(candidates, key=probabilities.__getitem__)
            items[row].language_probability = probabilities[items[row].language]

    def _prompt(self, item: Item) -> list[int]:
        utterance = item.utterance
        previous = self._vocabulary.previous(utterance.options.prompt)
        return self._vocabulary.prompt(previous, item.language, utterance.options.task, utterance.prefix)

    def _generate(
        self, rows: list[tuple[Item, int, list[int]]], encoded: Encoded, step: Attempt, costs: Costs
    ) -> list[Draft]:
        """A draft for each (item, its row in `encoded`, its prompt); prompts but for prefixes of equal length."""
        item, _, prompt = rows[0]
        limit, before_text = item.token_limit, len(prompt) - len(item.utterance.prefix)
        with costs.measured("generate"):
            results = self._model.generate(
                model.take(encoded.memory, [row for _, row, _ in rows]),
                [prompt for _, _, prompt in rows],
                beam_size=step.beam_size,
                num_hypotheses=min(step.beam_size, 1 + ALTERNATIVES),
                no_repeat_ngram_size=step.no_repeat_ngram_size,
                # CTranslate2 stops at half of max_length, or at what the prompt leaves of it
                max_length=max(2 * limit, limit + before_text),
                return_scores=True,
                return_no_speech_prob=True,
            )
        return [
            self._draft(item, result, encoded, row, step.temperature)
            for (item, row, _), result in zip(rows, results, strict=True)
        ]

    def _draft(
        self,
        item: Item,
        result: ctranslate2.models.WhisperGenerationResult,
        encoded: Encoded,
        row: int,
        temperature: float,
    ) -> Draft:
        tokens = self._text_tokens(result.sequences_ids[0])
        kept = guards.without_loop(tokens, hurried=item.is_hurried(len(tokens)))
        if len(kept) < len(item.utterance.prefix):
            kept = item.utterance.prefix
        return Draft(
            tokens=kept,
            avg_logprob=float(result.scores[0]),
            no_speech_prob=float(result.no_speech_prob),
            compression_ratio=guards.compression_ratio(self._vocabulary.text(kept).strip()),
            temperature=temperature,
            encoded=encoded,
            row=row,
            fixed=len(item.utterance.prefix),
            looped=len(kept) < len(tokens) or len(tokens) >= item.token_limit,
            alternatives=tuple(self._text_tokens(other) for other in result.sequences_ids[1:]),
        )

    def _text_tokens(self, sequence: Sequence[int]) -> tuple[int, ...]:
        return tuple(token for token in sequence if token < self._vocabulary.eot)

    def _pieces(self, item: Item) -> tuple[Piece, ...]:
        draft = item.draft
        tokens = item.utterance.prefix if draft is None or draft.rejected else draft.tokens
        return self._vocabulary.pieces(tokens, item.language) if tokens else ()

    def _alternatives(self, item: Item) -> tuple[str, ...]:
        draft = item.draft
        if draft is None or draft.rejected:
            return ()
        return tuple(self._vocabulary.text(tokens).strip() for tokens in draft.alternatives)


def _hypothesis(item: Item, pieces: tuple[Piece, ...], boost: Boost | None) -> Hypothesis:
    draft = item.draft
    if draft is None:
        return Hypothesis(pieces, item.language, item.language_probability, no_speech_prob=1.0)
    return Hypothesis(
        pieces,
        item.language,
        item.language_probability,
        avg_logprob=draft.avg_logprob,
        no_speech_prob=draft.no_speech_prob,
        compression_ratio=draft.compression_ratio,
        temperature=draft.temperature,
        matches=boost.matches if boost else (),
    )


def _tokens(pieces: Sequence[Piece]) -> tuple[int, ...]:
    return tuple(token for piece in pieces for token in piece.tokens)


def _is_audible(utterance: Utterance) -> bool:
    samples = utterance.samples
    return len(samples) >= MIN_SAMPLES and int(samples.max()) - int(samples.min()) >= MIN_SWING


def _attempt_on(item: Item, number: int) -> Attempt:
    options = item.utterance.options
    return attempt(options.temperatures, options.beam_size, number, item.window)


def _may_retry(item: Item, number: int) -> bool:
    draft = item.draft
    return draft is not None and draft.failed and number < len(item.utterance.options.temperatures)
