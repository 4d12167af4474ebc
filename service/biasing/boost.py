"""What a bias list did to one utterance, step by step."""

from dataclasses import dataclass

from service.biasing.gate import Verdict
from service.biasing.hypothesis import HeardWord
from service.biasing.retrieval import Candidate
from service.transcript import Match


@dataclass(frozen=True, slots=True)
class Boost:
    """`candidates` of the first pass by falling score, `prompted` those that the second pass was told of; without a
    second pass, `second_pass` is the first. `tokens`: of the final text, whose pieces the `matches` count."""

    first_pass: tuple[HeardWord, ...]
    candidates: tuple[Candidate, ...]
    prompted: tuple[Candidate, ...] = ()
    second_pass: tuple[HeardWord, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    tokens: tuple[int, ...] = ()
    matches: tuple[Match, ...] = ()
