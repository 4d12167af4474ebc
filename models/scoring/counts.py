"""What is right and wrong in a transcript, counted so that utterances add up."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass

from rapidfuzz.distance import Levenshtein

from models.scoring.normalise import Tokenise, tokens
from models.scoring.phrases import Occurrence, PhraseFinder


@dataclass(frozen=True, slots=True)
class Counts:
    """Sums over utterances.

    Biased words are those of the reference inside a spoken list phrase. `biased_errors` and `other_errors` share out
    the substitutions, deletions and insertions. `characters` are the reference's, without spaces.
    """

    utterances: int = 0
    words: int = 0
    biased_words: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    biased_errors: int = 0
    other_errors: int = 0
    characters: int = 0
    character_errors: int = 0
    phrases: int = 0
    recalled: int = 0
    false_alarms: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions


@dataclass(frozen=True, slots=True)
class Judged:
    """One utterance: its counts, and the list phrases that were missed or heard where nobody said them."""

    counts: Counts
    missed: tuple[str, ...]
    false_alarms: tuple[str, ...]


def judge(
    reference: str,
    transcript: str,
    spoken: Iterable[str],
    on_list: PhraseFinder,
    language: str,
    tokenise: Tokenise = tokens,
) -> Judged:
    """`spoken`: the list phrases that were really said; `on_list` finds them and all distractors, by the same
    `tokenise`.

    A false alarm is a list phrase that stands more often in the transcript than in the reference, whatever was
    meant there. An inserted word counts as biased where the transcript has it inside a list phrase.
    """
    expected, heard = tokenise(reference, language), tokenise(transcript, language)
    true = PhraseFinder(spoken, language, tokenise)
    said = true.find(expected)
    claimed = on_list.find(heard)
    wanted = _times(said)
    heard_true = _times(true.find(heard))  # also inside a longer phrase of the list
    recalled = {key: min(times, heard_true[key]) for key, times in wanted.items()}
    allowed = _times(on_list.find(expected)) | wanted
    false = _times(claimed) - allowed
    counts = Counts(
        utterances=1,
        words=len(expected),
        biased_words=len(_inside(said)),
        characters=len("".join(expected)),
        character_errors=Levenshtein.distance("".join(expected), "".join(heard)),
        phrases=wanted.total(),
        recalled=sum(recalled.values()),
        false_alarms=false.total(),
    )
    return Judged(
        counts + _word_errors(expected, heard, _inside(said), _inside(claimed)),
        tuple(true.spelling(key) for key, times in wanted.items() if recalled[key] < times),
        tuple(map(on_list.spelling, false)),
    )


def _word_errors(expected: list[str], heard: list[str], biased: set[int], claimed: set[int]) -> Counts:
    """`biased` indexes `expected`, `claimed` indexes `heard`."""
    kinds: Counter[str] = Counter()
    biased_errors = 0
    for edit in Levenshtein.editops(expected, heard):
        kinds[edit.tag] += 1
        biased_errors += edit.dest_pos in claimed if edit.tag == "insert" else edit.src_pos in biased
    return Counts(
        substitutions=kinds["replace"],
        deletions=kinds["delete"],
        insertions=kinds["insert"],
        biased_errors=biased_errors,
        other_errors=kinds.total() - biased_errors,
    )


def _times(occurrences: Iterable[Occurrence]) -> Counter[tuple[str, ...]]:
    return Counter(occurrence.key for occurrence in occurrences)


def _inside(occurrences: Iterable[Occurrence]) -> set[int]:
    return {at for occurrence in occurrences for at in range(occurrence.start, occurrence.stop)}
