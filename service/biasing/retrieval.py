"""Which phrases of a bias list may hide behind the words of a first pass.

Every run of a few words is compared with every phrase: first by shared trigrams (an inverted index), then by plain
edit distance of phones (rapidfuzz, in C++), then the best pairs by weighted phone distance and by letters. A pair's
score is the logarithm of the odds that the phrase was spoken there, as far as spelling and confidence tell: what
matches speaks for it, what differs against it, doubt of the recogniser for it, common words against it, and so does a
long list.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cpdist

from service.biasing import distance
from service.biasing.compiled import Compiled
from service.biasing.entries import Entry
from service.biasing.hypothesis import HeardWord
from service.biasing.matching import plain
from service.biasing.spans import Span, spans_of

MAX_EDITS = 10
EXAMINED = 250  # pairs that are compared by weighted distance
MAX_SURPRISAL = 10.0  # nats per span
UNMEASURED_SURPRISAL = 3.0  # of words that stand in an alternative only
MAX_DISTANCE = 0.36  # weighted; what sounds less alike is a chance, however much the recogniser doubts
FLOOR = -7.0  # nats; what scores less is not worth a look
STRENGTH_NATS = 3.0  # that `bias_strength` 2, or a boost of 2, adds to a phrase's score; a half takes them off

# Log-odds per unit, fitted by logistic regression on the spoken phrases of the development set against all others
# that were retrieved, and rounded (docs/biasing.md). The rough ones rank pairs before the weighted distance is known.
PER_PHONE, PER_CHANGE = 0.57, -4.1
PER_LETTER, PER_LETTER_EDIT = 0.55, -0.45
PER_NAT_OF_SURPRISAL, PER_COMMON_WORDS, PER_ALTERNATIVE = 1.15, -1.65, -3.0
PRIOR, PER_LN_ENTRIES = -6.3, -0.35
LARGEST_LOSS = 0.9  # of a phone, as weighted: what the longest of sounds can gain by each
ROUGH_PER_PHONE, ROUGH_PER_EDIT = 0.45, -1.34

Pairs = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]  # indices (span, sound)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A phrase that may have been said where the words `first` to `last` (exclusive) of a hypothesis stand; `place`:
    the words of the best hypothesis, start and end, that stand there.

    `distance`: phonetic, 0 (the same) to about 1. `score`: log-odds in nats, before the model is asked.
    """

    entry: Entry
    hypothesis: int
    first: int
    last: int
    place: tuple[int, int]
    heard: str
    distance: float
    score: float

    def overlaps(self, other: "Candidate") -> bool:
        return self.place[0] < other.place[1] and other.place[0] < self.place[1]


def retrieve(
    hypotheses: Sequence[Sequence[HeardWord]],
    lists: Sequence[Compiled],
    *,
    language: str,
    strength: float = 1.0,
    weights: distance.Weights = distance.WEIGHTED,
) -> list[Candidate]:
    """Candidates by falling score, each phrase at most once at a place; the first hypothesis is the best one, and the
    first list with a phrase has the say on it."""
    size = sum(len(compiled.entries) for compiled in lists)
    if not size:
        return []
    prior = _prior(size)
    worth = FLOOR - prior - _bonus(strength, max(compiled.max_boost for compiled in lists))
    spans = [span for span in spans_of(hypotheses, language) if _is_worthwhile(span, lists, worth)]
    found: list[Candidate] = []
    for number, compiled in enumerate(lists):
        if spans and len(compiled.sounds):
            earlier = [other.phrases for other in lists[:number]]
            found += [
                candidate
                for candidate in _examined(spans, compiled, prior, strength, weights)
                if not any(candidate.entry.phrase in phrases for phrases in earlier)
            ]
    return _distinct(found)


def best_place(
    hypotheses: Sequence[Sequence[HeardWord]],
    phrase: Compiled,
    *,
    language: str,
    size: int,
    strength: float = 1.0,
) -> Candidate | None:
    """Where a phrase of lists with `size` entries fits best, however badly; `phrase` is it alone, compiled. None when
    it, or what was heard, has no sound."""
    spans = spans_of(hypotheses, language)
    sounds = len(phrase.sounds)
    rows, columns = np.divmod(np.arange(len(spans) * sounds), max(sounds, 1))
    scored = _scored(spans, phrase, (rows, columns), _prior(size), strength, distance.WEIGHTED)
    return max(scored, key=lambda candidate: candidate.score, default=None)


def _prior(size: int) -> float:
    return PRIOR + PER_LN_ENTRIES * math.log(max(size, 1) / 1000)


def _bonus(strength: float, boost: float) -> float:
    return STRENGTH_NATS * math.log2(strength * boost) if strength * boost > 0 else -math.inf


def _is_worthwhile(span: Span, lists: Sequence[Compiled], worth: float) -> bool:
    """Whether the span could reach a score of `worth` if a phrase sounded exactly like it. Words that all were heard
    without doubt are worthwhile only where they are a phrase."""
    best = _doubt(span) + PER_PHONE * LARGEST_LOSS * len(span.sound) + PER_LETTER * len(span.letters)
    return best >= worth and (span.doubtful or any(plain(span.text) in compiled.plain for compiled in lists))


def _doubt(span: Span) -> float:
    """The part of the score that does not depend on the phrase."""
    surprisal = UNMEASURED_SURPRISAL if span.surprisal is None else min(span.surprisal, MAX_SURPRISAL)
    alternative = PER_ALTERNATIVE if span.hypothesis else 0.0
    return PER_NAT_OF_SURPRISAL * surprisal + PER_COMMON_WORDS * span.common + alternative


def _examined(
    spans: list[Span], compiled: Compiled, prior: float, strength: float, weights: distance.Weights
) -> list[Candidate]:
    scored = _scored(spans, compiled, _nearest(spans, compiled), prior, strength, weights)
    return [c for c in scored if c.score >= FLOOR and c.distance <= MAX_DISTANCE]


def _scored(
    spans: list[Span], compiled: Compiled, pairs: Pairs, prior: float, strength: float, weights: distance.Weights
) -> Iterator[Candidate]:
    rows, columns = pairs
    codes, lengths = distance.encode([span.sound for span in spans])
    masses = distance.masses(codes)
    changes = distance.distances(
        codes[rows], lengths[rows], compiled.codes[columns], compiled.lengths[columns], weights
    )
    mass = np.maximum(masses[rows], compiled.masses[columns])
    for row, column, change, whole in zip(rows, columns, changes, mass, strict=True):
        span, owner = spans[row], int(compiled.owner[column])
        entry, letters = compiled.entries[owner], compiled.letters[owner]
        score = (
            prior
            + _bonus(strength, entry.boost)
            + _doubt(span)
            + PER_PHONE * float(whole)
            + PER_CHANGE * float(change)
            + PER_LETTER * max(len(letters), len(span.letters))
            + PER_LETTER_EDIT * Levenshtein.distance(letters, span.letters)
        )
        relative = round(float(change / whole), 3)
        yield Candidate(entry, span.hypothesis, span.first, span.last, span.place, span.text, relative, score)


def _nearest(spans: list[Span], compiled: Compiled) -> Pairs:
    """Indices (span, sound) of the pairs worth a closer look."""
    found = {sound: compiled.grams.near(sound) for sound in {span.sound for span in spans}}
    columns = np.concatenate([found[span.sound] for span in spans])
    rows = np.repeat(np.arange(len(spans)), [len(found[span.sound]) for span in spans])
    edits = cpdist(
        np.array([span.sound for span in spans], np.object_)[rows],
        compiled.sounds[columns],
        scorer=Levenshtein.distance,
        score_cutoff=MAX_EDITS,
        dtype=np.uint8,
    )
    longer = np.maximum(np.array([len(span.sound) for span in spans])[rows], compiled.lengths[columns])
    doubts = np.array([_doubt(span) for span in spans])[rows]
    rough = doubts + ROUGH_PER_PHONE * longer + (ROUGH_PER_EDIT - ROUGH_PER_PHONE) * edits.astype(np.float32)
    rough[edits > MAX_EDITS] = -np.inf  # their edits were not counted on
    best = np.argpartition(rough, -EXAMINED)[-EXAMINED:] if rough.size > EXAMINED else np.arange(rough.size)
    return rows[best], columns[best]


def _distinct(candidates: list[Candidate]) -> list[Candidate]:
    """The best of each phrase at each place."""
    kept: dict[str, list[Candidate]] = {}
    for candidate in sorted(candidates, key=lambda c: -c.score):
        same = kept.setdefault(candidate.entry.phrase, [])
        if not any(candidate.hypothesis == other.hypothesis and candidate.overlaps(other) for other in same):
            same.append(candidate)
    return sorted((c for same in kept.values() for c in same), key=lambda c: -c.score)
