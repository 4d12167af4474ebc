"""Which phrases are believed: the arithmetic between what the spelling says and what the model says.

After the second pass a phrase of the list may stand in the text because the first pass heard it (*written*), because
the prompt put it there (*prompted*), or almost stand there and be put in by hand (*spliced*). It must show enough: its
score (log-odds from spelling and confidence, `retrieval`) plus half of what the model gains or loses by it, in nats
under the prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from service.biasing.hypothesis import HeardWord
from service.biasing.matching import Opcode, differences
from service.biasing.retrieval import Candidate
from service.biasing.selection import is_written

PER_NAT = 0.5
NEEDED: dict[str, float] = {"written": 0.0, "prompted": -1.5, "spliced": -4.5}
UNSUPPORTED = -9.0  # the score of a phrase that nothing in the first pass resembles
LEAST_COST = 1.0  # of a splice, in units of the score
MAX_JUDGED = 4  # questions to the model per utterance: each costs a pass of the decoder

Kind = Literal["written", "prompted", "spliced"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A phrase at words `first` to `last` (exclusive) of the second hypothesis; `score` in nats."""

    kind: Kind
    candidate: Candidate
    first: int
    last: int
    score: float

    @property
    def needs_judging(self) -> bool:
        """Whether the model has to be asked: a splice never gains by it, a prompted phrase never loses."""
        return self.kind == "spliced" or (self.kind == "prompted" and self.score < NEEDED[self.kind])

    @property
    def is_hopeful(self) -> bool:
        """Whether it is worth asking the model: a splice costs something almost always."""
        return self.kind == "prompted" or self.score >= NEEDED[self.kind] + LEAST_COST * (self.kind == "spliced")


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
        return NEEDED[self.proposal.kind]

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
    written = [c for c in second_candidates if is_written(c)]
    heard = [c for c in candidates if is_written(c)]
    found = []
    for candidate in second_candidates:
        start, end = region(candidate.first, candidate.last, blocks)
        support = _support(candidate, candidates, start, end)
        if is_written(candidate) and _touches_change(candidate, blocks):
            if not any(_hides(other, replace(candidate, first=start, last=end)) for other in heard):
                found.append(Proposal("prompted", candidate, candidate.first, candidate.last, support))
        elif is_written(candidate):
            found.append(Proposal("written", candidate, candidate.first, candidate.last, candidate.score))
        elif splices and not any(_hides(other, candidate) for other in written):
            found.append(Proposal("spliced", candidate, candidate.first, candidate.last, support))
    hopeful = sorted((proposal for proposal in found if proposal.is_hopeful), key=lambda proposal: -proposal.score)
    judged = [proposal for proposal in hopeful if proposal.needs_judging][:MAX_JUDGED]
    return [proposal for proposal in hopeful if not proposal.needs_judging or proposal in judged]


def believed(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The accepted ones without overlaps, the surest first."""
    kept: list[Verdict] = []
    for verdict in sorted(verdicts, key=lambda v: -(v.total - v.needed)):
        candidate = verdict.proposal.candidate
        if verdict.accepted and not any(candidate.overlaps(other.proposal.candidate) for other in kept):
            kept.append(verdict)
    return kept


def region(first: int, last: int, blocks: Sequence[Opcode]) -> tuple[int, int]:
    """The words of the first pass behind words `first` to `last` of the second."""
    touched = [block for block in blocks if block[3] < last and first < block[4]]
    if not touched:
        return 0, 0
    (tag, i1, _, j1, _), (end_tag, _, i2, _, j2) = touched[0], touched[-1]
    start = i1 + (first - j1) if tag == "equal" else i1
    end = i2 - (j2 - last) if end_tag == "equal" else i2
    return start, end


def _support(candidate: Candidate, candidates: Sequence[Candidate], start: int, end: int) -> float:
    """The best score of the phrase among the first pass's candidates at words `start` to `end`; those of alternatives,
    whose words have other numbers, count anywhere."""
    scores = [
        other.score
        for other in candidates
        if other.entry.phrase == candidate.entry.phrase
        and (other.hypothesis > 0 or (other.first < end and start < other.last))
    ]
    return max(scores, default=UNSUPPORTED)


def _touches_change(candidate: Candidate, blocks: Sequence[Opcode]) -> bool:
    return any(tag != "equal" and j1 < candidate.last and candidate.first < j2 for tag, _, _, j1, j2 in blocks)


def _hides(written: Candidate, candidate: Candidate) -> bool:
    """Whether a phrase that stands in the text forbids another at its words: unless that one says more."""
    contained = candidate.first <= written.first and written.last <= candidate.last
    longer = candidate.last - candidate.first > written.last - written.first
    return written.overlaps(candidate) and not (contained and longer)
