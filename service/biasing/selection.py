"""Which candidates go into the prompt of the second pass: few and distinct, the likeliest last.

A prompt of many names dilutes itself, and a name beside its near homophone confuses the model, so a candidate is left
out where a much likelier one covers the same words, or where those words already are a phrase of the list.
"""

from collections.abc import Sequence

from service.biasing.matching import plain
from service.biasing.retrieval import Candidate

PROMPT_SCORE = -4.5  # nats; below it a phrase in the prompt does more harm than good
MAX_PROMPTED = 10
MARGIN = 4.0  # nats by which a rival at the same place wins outright


def is_written(candidate: Candidate) -> bool:
    """Whether the best hypothesis has the phrase already."""
    return candidate.hypothesis == 0 and plain(candidate.heard) == plain(candidate.entry.phrase)


def prompted(candidates: Sequence[Candidate], *, dominance: bool = True) -> list[Candidate]:
    """The candidates, by falling score, that the second pass shall be told of; empty when it would change nothing.

    `dominance`: without those that a rival beats.
    """
    chosen: list[Candidate] = []
    for candidate in candidates:
        if candidate.score < PROMPT_SCORE or len(chosen) == MAX_PROMPTED:
            break
        if any(candidate.entry.phrase == other.entry.phrase for other in chosen):
            continue
        rivals = [other for other in chosen if dominance and other.overlaps(candidate)]
        if not any(is_written(rival) or rival.score - candidate.score > MARGIN for rival in rivals):
            chosen.append(candidate)
    return [] if all(is_written(candidate) for candidate in chosen) else chosen


def prompt_text(chosen: Sequence[Candidate], language: str) -> str:
    """The candidates, by falling score, as a prompt; what stands nearest to the utterance weighs most."""
    return sentence([candidate.entry.phrase for candidate in reversed(chosen)], language)


def sentence(phrases: Sequence[str], language: str) -> str:
    """Phrases as a sentence of the language: the form of every prompt, in training as well."""
    comma, stop = ("、", "。") if language in ("zh", "yue", "ja") else (", ", ".")
    return comma.join(phrases) + stop
