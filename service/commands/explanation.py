"""Why an utterance reads as it does: what a bias list was compared with, what was asked, and what decided."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.biasing import distance
from service.biasing.bias import Bias
from service.biasing.boost import Boost
from service.biasing.compiled import Compiled, compiled
from service.biasing.entries import Entry
from service.biasing.gate import NEEDED, PER_NAT, PER_SURE_WORDS, Kind, Proposal, Verdict, believed
from service.biasing.hypothesis import HeardWord
from service.biasing.retrieval import FLOOR, MAX_DISTANCE, Candidate, best_place
from service.biasing.selection import PROMPT_SCORE
from service.biasing.sounds import heard
from service.transcript import Hypothesis


@dataclass(frozen=True, slots=True)
class WordHeard:
    """`surprisal`: nats, None when it was not measured; `confidence`: what that is per token, 0 to 1."""

    word: str
    surprisal: float | None
    confidence: float | None
    common: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """A phrase of the list at words of a hypothesis: `sounds` are its phones, `heard_sounds` those of the words.

    `distance`: phonetic, 0 to about 1; `score`: log-odds in nats. `alternative`: the words are not in the best
    hypothesis, but in one of the next.
    """

    phrase: str
    heard: str
    sounds: str
    heard_sounds: str
    distance: float
    score: float
    alternative: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """`score` + `per_nat` x `gain` = `total`, which must be at least `least` + `per_sure` x `sure` = `needed`.

    `heard`: what the first pass wrote there; `gain` is None when the model was not asked; `least`: what its kind needs;
    `sure`: the share of the words that are common and were heard without doubt. `rival`: although it is enough, a surer
    phrase has the words.
    """

    phrase: str
    heard: str
    kind: Kind
    score: float
    gain: float | None
    per_nat: float
    total: float
    least: float
    per_sure: float
    sure: float
    needed: float
    accepted: bool
    rival: bool


Outcome = Literal[
    "written",
    "outvoted",
    "rival",
    "not asked",
    "not near",
    "not told",
    "too unlikely",
    "crowded out",
    "no sound",
    "switched off",
]


@dataclass(frozen=True, slots=True)
class Question:
    """What became of one phrase: `best` is where it fits best, None when it or the words have no sound, or it is
    switched off."""

    phrase: str
    outcome: Outcome
    best: Fit | None
    least_score: float = FLOOR
    least_told: float = PROMPT_SCORE
    most_distance: float = MAX_DISTANCE


@dataclass(frozen=True, slots=True)
class Explanation:
    """`start`, `end` in seconds of the recording; `second_pass` is None when there was none; `marks`: characters
    (start, end) of `text` that the list put in place or confirmed."""

    utterance: int
    start: float
    end: float
    language: str
    first_pass: tuple[WordHeard, ...]
    candidates: tuple[Fit, ...]
    told: tuple[str, ...]
    second_pass: str | None
    decisions: tuple[Decision, ...]
    text: str
    marks: tuple[tuple[int, int], ...]
    questions: tuple[Question, ...] = ()


class Explainer:
    """Explains what `bias` did, and what became of the `asked` entries of its lists."""

    def __init__(self, bias: Bias, asked: Sequence[Entry] = ()) -> None:
        self._bias = bias
        self._size = sum(len(one.entries) for one in bias.lists)
        self._asked = tuple(asked)

    def explain(
        self, utterance: int, start: float, end: float, hypothesis: Hypothesis, boost: Boost | None
    ) -> Explanation:
        """`boost` is None where nothing was heard."""
        steps = boost or Boost((), ())
        language = hypothesis.language
        asked = [(entry, compiled([entry], language)) for entry in self._asked]
        return Explanation(
            utterance=utterance,
            start=round(start, 3),
            end=round(end, 3),
            language=language,
            first_pass=tuple(map(_word, steps.first_pass)),
            candidates=tuple(_fit(candidate, language) for candidate in steps.candidates),
            told=tuple(candidate.entry.phrase for candidate in steps.prompted),
            second_pass=_text(steps.second_pass) if steps.prompted else None,
            decisions=_decisions(steps),
            text=hypothesis.text.strip(),
            marks=_marks(hypothesis),
            questions=tuple(self._question(entry, alone, steps, language) for entry, alone in asked),
        )

    def _question(self, entry: Entry, alone: Compiled, steps: Boost, language: str) -> Question:
        first, second = (
            best_place([words], alone, language=language, size=self._size, strength=self._bias.strength)
            for words in (steps.first_pass, steps.second_pass)
        )
        found = [candidate for candidate in steps.candidates if candidate.entry.phrase == entry.phrase]
        best = max([*found, *([first] if first else [])], key=lambda c: c.score, default=None)
        fit = _fit(best, language) if best else None
        return Question(entry.phrase, _outcome(entry, best, second, steps), fit)


def _outcome(entry: Entry, best: Candidate | None, second: Candidate | None, steps: Boost) -> Outcome:
    """`best`: its best place in the first pass, `second`: in the second."""
    own = [verdict for verdict in steps.verdicts if verdict.proposal.candidate.entry.phrase == entry.phrase]
    if any(verdict in believed(steps.verdicts) for verdict in own):
        return "written"
    if any(verdict.accepted for verdict in own):
        return "rival"
    if own:
        return "outvoted"
    if best is None:
        return "no sound" if entry.boost else "switched off"
    if entry.phrase not in {candidate.entry.phrase for candidate in steps.candidates}:
        unlikely = best.score < FLOOR or best.distance > MAX_DISTANCE
        return "too unlikely" if unlikely else "crowded out"
    if entry.phrase not in {candidate.entry.phrase for candidate in steps.prompted}:
        return "not told"
    near = second and Proposal("spliced", second, second.first, second.last, second.place, second.score).is_hopeful
    return "not asked" if near else "not near"


def _word(word: HeardWord) -> WordHeard:
    confidence = None if word.surprisal is None else round(math.exp(-word.surprisal / max(len(word.tokens), 1)), 4)
    surprisal = None if word.surprisal is None else round(word.surprisal, 3)
    return WordHeard(word.text.strip(), surprisal, confidence, word.common)


def _fit(candidate: Candidate, language: str) -> Fit:
    _, spoken = heard(candidate.heard, language)
    ways = compiled([candidate.entry], language).sounds
    return Fit(
        phrase=candidate.entry.phrase,
        heard=candidate.heard,
        sounds=min(map(str, ways), key=lambda way: distance.distance(way, [spoken])),
        heard_sounds=spoken,
        distance=candidate.distance,
        score=round(candidate.score, 2),
        alternative=candidate.hypothesis > 0,
    )


def _decisions(steps: Boost) -> tuple[Decision, ...]:
    kept = believed(steps.verdicts)
    return tuple(_decision(verdict, steps.first_pass, written=verdict in kept) for verdict in steps.verdicts)


def _decision(verdict: Verdict, first_pass: Sequence[HeardWord], *, written: bool) -> Decision:
    proposal = verdict.proposal
    return Decision(
        phrase=proposal.candidate.entry.phrase,
        heard=_text(first_pass[slice(*proposal.place)]),
        kind=proposal.kind,
        score=round(proposal.score, 2),
        gain=None if verdict.gain is None else round(verdict.gain, 2),
        per_nat=PER_NAT,
        total=round(verdict.total, 2),
        least=NEEDED[proposal.kind],
        per_sure=PER_SURE_WORDS,
        sure=0.0 if proposal.kind == "written" else round(proposal.sure, 2),
        needed=round(verdict.needed, 2),
        accepted=written,
        rival=verdict.accepted and not written,
    )


def _text(words: Sequence[HeardWord]) -> str:
    return "".join(word.text for word in words).strip()


def _marks(hypothesis: Hypothesis) -> tuple[tuple[int, int], ...]:
    """Where the phrases stand in the text; a piece may carry punctuation before and after."""
    lead = len(hypothesis.text) - len(hypothesis.text.lstrip())
    marks = []
    for match in hypothesis.matches:
        before = "".join(piece.text for piece in hypothesis.pieces[: match.first])
        place = hypothesis.text.find(match.phrase, len(before)) - lead
        marks.append((place, place + len(match.phrase)))
    return tuple(marks)
