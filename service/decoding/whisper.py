"""Whisper on CTranslate2: a batch of utterances in, a hypothesis for each out.

One batch is encoded once per window size; whatever differs between its items (language, prompt, committed prefix,
beam) is grouped inside. A hypothesis that fails its checks is decoded again alone, never its neighbours. Nothing
depends on the other items of a batch, so a batch can be cut in any way and read the same.
"""

import itertools
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import ctranslate2
import numpy as np

from service.decoding import guards, model
from service.decoding.draft import Draft, Encoded, is_hurried, token_limit
from service.decoding.fallback import Attempt, attempt
from service.decoding.features import HOP, LogMel
from service.decoding.utterance import DecodeOptions, DecodeResult, Timings, Utterance
from service.decoding.vocabulary import BYTE_SPELLED, Vocabulary
from service.decoding.windows import BUCKETS, MAX_SAMPLES, MIN_PADDING, window_for
from service.decoding.word_times import timed
from service.transcript import SAMPLE_RATE, Hypothesis

__all__ = ["DecodeOptions", "DecodeResult", "Timings", "Utterance", "WhisperDecoder"]

MIN_SAMPLES = SAMPLE_RATE // 10  # nobody says a word in less
MIN_SWING = 8  # of 65,536 steps, lowest to highest sample: below it there is no signal
MAX_PREFIX = 200  # tokens

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class _Costs:
    seconds: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("features", "encode", "generate", "align"), 0.0)
    )
    window_samples: int = 0
    fallbacks: int = 0

    @contextmanager
    def measured(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[stage] += time.perf_counter() - started


@dataclass(slots=True)
class _Item:
    """One utterance on its way through `decode`."""

    utterance: Utterance
    language: str
    language_probability: float = 1.0
    draft: Draft | None = None

    @property
    def byte_spelled(self) -> bool:
        return self.language in BYTE_SPELLED and self.utterance.options.task == "transcribe"

    @property
    def token_limit(self) -> int:
        """Taken from the window, so that it is the same for all that share a call."""
        window = window_for(len(self.utterance.samples))
        limit = token_limit(window - MIN_PADDING, byte_spelled=self.byte_spelled)
        return max(limit, len(self.utterance.prefix) + 16)


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
        silence = self._log_mel(np.zeros(MIN_SAMPLES, np.int16), BUCKETS[0])
        self._silence = model.to_array(self._model.encode(ctranslate2.StorageView.from_array(silence[None])))

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
        costs = _Costs()
        items = [_Item(u, u.options.language or self.languages[0]) for u in batch]
        waiting = [item for item in items if _is_audible(item.utterance)]
        for number in itertools.count():
            if not waiting:
                break
            self._attempt(waiting, number, costs)
            waiting = [item for item in waiting if _may_retry(item, number + 1)]
            costs.fallbacks += len(waiting)
        hypotheses = self._hypotheses(items, costs)
        return DecodeResult(hypotheses, _timings(items, costs))

    def _check(self, utterance: Utterance) -> None:
        samples, language = utterance.samples, utterance.options.language
        if samples.ndim != 1 or samples.dtype != np.int16:
            raise ValueError(f"samples must be int16 [n], not {samples.dtype} {list(samples.shape)}")
        if len(samples) > MAX_SAMPLES:
            raise ValueError(f"utterance of {utterance.seconds:.1f} s is over {MAX_SAMPLES / SAMPLE_RATE:.0f} s")
        if language is not None and not self.supports(language):
            raise ValueError(f"the model does not know the language {language!r}")
        if len(utterance.prefix) > MAX_PREFIX:
            raise ValueError(f"prefix of {len(utterance.prefix)} tokens is over {MAX_PREFIX}")

    # ---- one attempt

    def _attempt(self, items: list[_Item], number: int, costs: _Costs) -> None:
        for (window, step), group in _grouped(items, lambda item: _placed(item, number)):
            encoded = self._encode(group, window, costs)
            if number == 0:
                self._detect_languages(group, encoded, costs)
            self._draft_all(group, encoded, step, costs)

    def _draft_all(self, items: list[_Item], encoded: Encoded, step: Attempt, costs: _Costs) -> None:
        rows = {id(item): row for row, item in enumerate(items)}
        previous = {id(item): self._vocabulary.previous(item.utterance.options.prompt) for item in items}
        for (_, limit), group in _grouped(items, lambda item: (len(previous[id(item)]), item.token_limit)):
            prompts = [self._prompt(item, previous[id(item)]) for item in group]
            group_rows = [rows[id(item)] for item in group]
            drafts = self._generate(group, encoded, group_rows, prompts, limit, step, costs)
            drafts = self._with_evidence(group, drafts, costs)
            for item, draft in zip(group, drafts, strict=True):
                if draft.better_than(item.draft):
                    item.draft = draft

    def _encode(self, items: list[_Item], window: int, costs: _Costs) -> Encoded:
        with costs.measured("features"):
            mels = np.stack([self._log_mel(item.utterance.samples, window) for item in items])
        with costs.measured("encode"):
            memory = self._model.encode(ctranslate2.StorageView.from_array(mels))
        costs.window_samples += window * len(items)
        return Encoded(memory, window)

    def _detect_languages(self, items: list[_Item], encoded: Encoded, costs: _Costs) -> None:
        unknown = [row for row, item in enumerate(items) if item.utterance.options.language is None]
        if not unknown or not self.is_multilingual:
            return
        with costs.measured("generate"):
            found = self._model.detect_language(model.take(encoded.memory, unknown))
        for row, ((token, probability), *_) in zip(unknown, found, strict=True):
            items[row].language = token.strip("<|>")
            items[row].language_probability = float(probability)

    def _prompt(self, item: _Item, previous: list[int]) -> list[int]:
        utterance = item.utterance
        return self._vocabulary.prompt(previous, item.language, utterance.options.task, utterance.prefix)

    def _generate(
        self,
        items: list[_Item],
        encoded: Encoded,
        rows: list[int],
        prompts: list[list[int]],
        limit: int,
        step: Attempt,
        costs: _Costs,
    ) -> list[Draft]:
        before_text = len(prompts[0]) - len(items[0].utterance.prefix)
        with costs.measured("generate"):
            results = self._model.generate(
                model.take(encoded.memory, rows),
                prompts,
                beam_size=step.beam_size,
                no_repeat_ngram_size=step.no_repeat_ngram_size,
                # CTranslate2 stops at half of max_length, or at what the prompt leaves of it
                max_length=max(2 * limit, limit + before_text),
                return_scores=True,
                return_no_speech_prob=True,
            )
        return [
            self._draft(item, result, encoded, row, step.temperature)
            for item, result, row in zip(items, results, rows, strict=True)
        ]

    def _draft(
        self,
        item: _Item,
        result: ctranslate2.models.WhisperGenerationResult,
        encoded: Encoded,
        row: int,
        temperature: float,
    ) -> Draft:
        tokens = tuple(token for token in result.sequences_ids[0] if token < self._vocabulary.eot)
        prefix = item.utterance.prefix
        hurried = is_hurried(len(tokens), item.utterance.seconds, byte_spelled=item.byte_spelled)
        kept = guards.without_loop(tokens, hurried=hurried)
        if len(kept) < len(prefix):
            kept = prefix
        return Draft(
            tokens=kept,
            avg_logprob=float(result.scores[0]),
            no_speech_prob=float(result.no_speech_prob),
            compression_ratio=guards.compression_ratio(self._vocabulary.text(kept).strip()),
            temperature=temperature,
            encoded=encoded,
            row=row,
            looped=len(kept) < len(tokens) or len(tokens) >= item.token_limit,
        )

    # ---- teacher forcing: evidence, word times

    def _with_evidence(self, items: list[_Item], drafts: list[Draft], costs: _Costs) -> list[Draft]:
        doubtful = [i for i, draft in enumerate(drafts) if draft.doubtful]
        result = list(drafts)
        for (language, task), group in _grouped(doubtful, lambda i: _spoken(items[i])):
            start = self._vocabulary.start_sequence(language, task)
            texts = [list(drafts[i].tokens) for i in group]
            trivial = [2] * len(group)  # frames: only the probabilities are wanted
            silence = ctranslate2.StorageView.from_array(np.repeat(self._silence, len(group), axis=0))
            with costs.measured("align"):
                memory = model.take(drafts[group[0]].encoded.memory, [drafts[i].row for i in group])
                heard = self._model.align(memory, start, texts, trivial)
                unheard = self._model.align(silence, start, texts, trivial)
            for i, given_audio, given_silence in zip(group, heard, unheard, strict=True):
                seen = guards.evidence(given_audio.text_token_probs, given_silence.text_token_probs)
                likely = guards.mean_logprob(given_audio.text_token_probs)
                logprob = likely if drafts[i].looped else drafts[i].avg_logprob
                result[i] = replace(drafts[i], evidence=seen, avg_logprob=logprob)
        return result

    def _hypotheses(self, items: list[_Item], costs: _Costs) -> tuple[Hypothesis, ...]:
        found = [self._hypothesis(item) for item in items]
        to_time = [
            i for i, item in enumerate(items) if item.draft and item.utterance.options.word_times and found[i].pieces
        ]

        def call(i: int) -> tuple[int, str, str]:
            draft = items[i].draft
            assert draft is not None
            return (id(draft.encoded), *_spoken(items[i]))

        for (_, language, task), group in _grouped(to_time, call):
            start = self._vocabulary.start_sequence(language, task)
            self._time(group, items, found, start, costs)
        return tuple(found)

    def _time(
        self, group: list[int], items: list[_Item], found: list[Hypothesis], start: list[int], costs: _Costs
    ) -> None:
        drafts = [draft for i in group if (draft := items[i].draft) is not None]
        frames = [max(2, len(items[i].utterance.samples) // HOP) for i in group]
        with costs.measured("align"):
            memory = model.take(drafts[0].encoded.memory, [draft.row for draft in drafts])
            results = self._model.align(memory, start, [list(found[i].tokens) for i in group], frames)
        for i, result in zip(group, results, strict=True):
            pieces = timed(found[i].pieces, result.alignments, result.text_token_probs, items[i].utterance.seconds)
            found[i] = replace(found[i], pieces=pieces)

    def _hypothesis(self, item: _Item) -> Hypothesis:
        draft, prefix = item.draft, item.utterance.prefix
        tokens = prefix if draft is None or draft.rejected else draft.tokens
        pieces = self._vocabulary.pieces(tokens, item.language) if tokens else ()
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
        )


def _is_audible(utterance: Utterance) -> bool:
    samples = utterance.samples
    return len(samples) >= MIN_SAMPLES and int(samples.max()) - int(samples.min()) >= MIN_SWING


def _placed(item: _Item, number: int) -> tuple[int, Attempt]:
    options = item.utterance.options
    step = attempt(tuple(options.temperatures), options.beam_size, number)
    return step.window(window_for(len(item.utterance.samples))), step


def _may_retry(item: _Item, number: int) -> bool:
    draft = item.draft
    return draft is not None and draft.failed and number < len(item.utterance.options.temperatures)


def _spoken(item: _Item) -> tuple[str, str]:
    return item.language, item.utterance.options.task


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> list[tuple[K, list[T]]]:
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.items())


def _timings(items: list[_Item], costs: _Costs) -> Timings:
    return Timings(
        batch_size=len(items),
        features_s=costs.seconds["features"],
        encode_s=costs.seconds["encode"],
        generate_s=costs.seconds["generate"],
        align_s=costs.seconds["align"],
        window_s=costs.window_samples / SAMPLE_RATE,
        fallbacks=costs.fallbacks,
        rejected=sum(item.draft is not None and item.draft.rejected for item in items),
    )
