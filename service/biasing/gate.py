"""Which phrases are believed: the arithmetic between what the spelling says and what the model says.

After the second pass a phrase of the list may stand in the text because the first pass heard it (*written*), because
the prompt put it there (*prompted*), or almost stand there and be put in by hand (*spliced*). It must show enough: its
score (log-odds from spelling and confidence, `retrieval`) plus half of what the model gains or loses by it, in nats
under the prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.biasing.hypothesis import HeardWord
from service.biasing.matching import Opcode, differences, region
from service.biasing.retrieval import Candidate
from service.biasing.selection import is_written

PER_NAT = 0.5
NEEDED: dict[str, float] = {"written": 0.0, "prompted": -1.5, "spliced": -4.5}
PER_SURE_WORDS = 3.0  # more is needed where every word that would go is common and was heard without doubt
SURE = 0.5  # nats of surprisal below which a word was heard without doubt
UNSUPPORTED = -9.0  # the score of a phrase that nothing in the first pass resembles
LEAST_COST = 1.0  # of a splice, in units of the score
MAX_JUDGED = 4  # questions to the model per utterance: each costs a pass of the decoder

Kind = Literal["written", "prompted", "spliced"]
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A phrase at words `first` to `last` (exclusive) of the second hypothesis, for words `place` (start, end) of the
    first. `score` in nats; `sure`: the share of those words that are common and were heard without doubt; `distance`:
    of the phrase from what was heard there, 1 where nothing resembled it."""

    kind: Kind
    candidate: Candidate
    first: int
    last: int
    place: Place
    score: float
    sure: float = 0.0
    distance: float = 1.0

    @property
    def needed(self) -> float:
        return NEEDED[self.kind] + (0.0 if self.kind == "written" else PER_SURE_WORDS * self.sure)

    @property
    def needs_judging(self) -> bool:
        """Whether the model has to be asked: a splice never gains by it, a prompted phrase never loses."""
        return self.kind == "spliced" or (self.kind == "prompted" and self.score < self.needed)

    @property
    def is_hopeful(self) -> bool:
        """Whether it is worth asking the model: a splice costs something almost always."""
        return self.kind == "prompted" or self.score >= self.needed + LEAST_COST * (self.kind == "spliced")

    def overlaps(self, other: "Proposal") -> bool:
        return self.place[0] < other.place[1] and other.place[0] < self.place[1]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`gain`: nats by which the model prefers the text with the phrase, None when it was not asked."""

    proposal: Proposal
    gain: float | None

    @property
    def total(self) -> float:
        return self.proposal.score + PER_NAT * (self.gain or 0.0)

    @property
    def needed(self) -> float:
        return self.proposal.needed

    @property
    def accepted(self) -> bool:
        return self.total >= self.needed


def proposals(
    first_pass: Sequence[HeardWord],
    candidates: Sequence[Candidate],
    second_pass: Sequence[HeardWord],
    second_candidates: Sequence[Candidate],
    *,
    splices: bool = True,
) -> list[Proposal]:
    """What the second pass and its near misses propose, by falling score; `candidates` are those of the first pass,
    `second_candidates` of the second."""
    blocks = differences(first_pass, second_pass)
    written = [(c.first, c.last) for c in second_candidates if is_written(c)]
    heard = [c.place for c in candidates if is_written(c)]
    found = []
    for candidate in second_candidates:
        span = candidate.first, candidate.last
        place, best = _support(candidate, candidates, blocks)
        score = best.score if best else UNSUPPORTED
        kind: Kind = "spliced"
        if is_written(candidate):
            kind = "prompted" if _touches_change(span, blocks) else "written"
        hidden = {
            "written": False,
            "prompted": any(_hides(other, place) for other in heard),
            "spliced": not splices or any(_hides(other, span) for other in written),
        }
        if place[0] < place[1] and not hidden[kind]:
            score = candidate.score if kind == "written" else score
            sure = _sureness(first_pass[slice(*place)])
            found.append(Proposal(kind, candidate, *span, place, score, sure, best.distance if best else 1.0))
    hopeful = sorted((proposal for proposal in found if proposal.is_hopeful), key=lambda proposal: -proposal.score)
    judged = [proposal for proposal in hopeful if proposal.needs_judging][:MAX_JUDGED]
    return [proposal for proposal in hopeful if not proposal.needs_judging or proposal in judged]


def believed(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The accepted ones without overlaps, the surest first."""
    kept: list[Verdict] = []
    for verdict in sorted(verdicts, key=lambda v: -(v.total - v.needed)):
        if verdict.accepted and not any(verdict.proposal.overlaps(other.proposal) for other in kept):
            kept.append(verdict)
    return kept


def _support(
    candidate: Candidate, candidates: Sequence[Candidate], blocks: Sequence[Opcode]
) -> tuple[Place, Candidate | None]:
    """The words of the first pass that a phrase of the second stands for, and its best candidate there. Words that the
    second pass changed or dropped beside the phrase are not its own: they do not sound like it."""
    start, end = region(candidate.first, candidate.last, blocks)
    there = [
        other
        for other in candidates
        if other.entry.phrase == candidate.entry.phrase and other.place[0] < end and start < other.place[1]
    ]
    best = max(there, key=lambda other: other.score, default=None)
    if best is None:
        return (start, end), None
    return (max(start, best.place[0]), min(end, best.place[1])), best


def _sureness(words: Sequence[HeardWord]) -> float:
    sure = sum(word.common and word.surprisal is not None and word.surprisal < SURE for word in words)
    return sure / len(words) if words else 0.0


def _touches_change(span: Place, blocks: Sequence[Opcode]) -> bool:
    return any(tag != "equal" and j1 < span[1] and span[0] < j2 for tag, _, _, j1, j2 in blocks)


def _hides(written: Place, other: Place) -> bool:
    """Whether a phrase that stands in the text forbids another at its words: unless that one says more."""
    overlap = written[0] < other[1] and other[0] < written[1]
    contained = other[0] <= written[0] and written[1] <= other[1]
    return overlap and not (contained and other[1] - other[0] > written[1] - written[0])
