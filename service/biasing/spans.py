"""The runs of words of a first pass behind which a phrase may hide."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.biasing.hypothesis import HeardWord
from service.biasing.matching import differences, region
from service.biasing.sounds import heard

MAX_WORDS = 6
MAX_IDEOGRAPHS = 10
MAX_SOUND = 48  # phones
DOUBT = 0.3  # nats of surprisal from which a common word is worth a comparison


@dataclass(frozen=True, slots=True)
class Span:
    """Words `first` to `last` (exclusive) of a hypothesis; `place`: the words of the best hypothesis there.

    `surprisal`: nats, None where a word was not measured; `common`: the share of common words; `doubtful`: there is a
    word that is rare, or was not heard for sure.
    """

    hypothesis: int
    first: int
    last: int
    place: tuple[int, int]
    text: str
    letters: str
    sound: str
    surprisal: float | None
    common: float
    doubtful: bool


def spans_of(hypotheses: Sequence[Sequence[HeardWord]], language: str) -> list[Span]:
    """All runs that sound; of the alternatives those that no better hypothesis has."""
    spans: list[Span] = []
    longest = MAX_IDEOGRAPHS if language in ("zh", "yue", "ja") else MAX_WORDS
    for number, words in enumerate(hypotheses):
        known = {span.text for span in spans}
        blocks = differences(hypotheses[0], words) if number else ()
        sounds = [heard(word.text, language) for word in words]
        for first in range(len(words)):
            letters = sound = text = ""
            for last in range(first + 1, min(first + longest, len(words)) + 1):
                letters += sounds[last - 1][0]
                sound += sounds[last - 1][1]
                text += words[last - 1].text
                if len(sound) > MAX_SOUND:
                    break
                if sound and text.strip() not in known:
                    place = region(first, last, blocks) if number else (first, last)
                    spans.append(_span(number, first, last, place, text.strip(), letters, sound, words[first:last]))
    return spans


def _span(
    number: int,
    first: int,
    last: int,
    place: tuple[int, int],
    text: str,
    letters: str,
    sound: str,
    words: Sequence[HeardWord],
) -> Span:
    surprisals = [word.surprisal for word in words if word.surprisal is not None]
    return Span(
        hypothesis=number,
        first=first,
        last=last,
        place=place,
        text=text,
        letters=letters,
        sound=sound,
        surprisal=sum(surprisals) if len(surprisals) == len(words) else None,
        common=sum(word.common for word in words) / len(words),
        doubtful=any(word.surprisal is None or word.surprisal >= DOUBT or not word.common for word in words),
    )
