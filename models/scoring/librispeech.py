"""LibriSpeech with the biasing lists of Le et al. 2021, https://github.com/facebookresearch/fbai-speech.

    python -m models.scoring.librispeech manifest LibriSpeech/test-clean test-clean.biasing_1000.tsv --out clean.jsonl
    sotto eval clean.jsonl --hyp-out hyp.jsonl
    python -m models.scoring.librispeech score test-clean.biasing_1000.tsv hyp.jsonl

("Contextualized Streaming End-to-End Speech Recognition with Trie-Based Deep Biasing and Shallow Fusion", Interspeech
2021.) Every utterance has a list of its own: its rare words and distractors. `score` gives the figures that the
released scorer gives: biased words are the reference's rare words only, so a distractor that was heard by mistake
counts for U-WER.
"""

import argparse
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from models.jsonl import read_lines
from models.scoring.english import spell_numbers
from models.scoring.manifest import read_transcripts
from models.scoring.numbers import number_words
from service.errors import BadRequest

COLUMNS = ("id", "reference", "rare words of the reference", "biasing list")
SUBSTITUTION, INSERTION_OR_DELETION = 4, 3  # costs of the released scorer's alignment
_MATCH_OR_SUBSTITUTION, _INSERTION, _DELETION = range(3)  # of equal cost, the first
_TITLES = {"Mr": "mister", "Mrs": "missus", "Dr": "doctor", "St": "saint"}  # which the corpus spells out

Pair = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One line of a biasing file. `rare`: the reference's own rare words, all of which are on its `biasing_list`."""

    id: str
    reference: str
    rare: tuple[str, ...]
    biasing_list: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WordErrors:
    words: int = 0
    substitutions: int = 0
    insertions: int = 0
    deletions: int = 0

    def __add__(self, other: "WordErrors") -> "WordErrors":
        return WordErrors(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    @property
    def rate_percent(self) -> float | None:
        errors = self.substitutions + self.insertions + self.deletions
        return 100 * errors / self.words if self.words else None

    def __str__(self) -> str:
        return (
            f"error_rate={self.rate_percent}, ref_words={self.words}, "
            f"subs={self.substitutions}, ins={self.insertions}, dels={self.deletions}"
        )


def read_biasing_file(path: Path) -> list[Utterance]:
    """Raises BadRequest that names file, line and column for what cannot be used."""
    utterances = []
    for number, line in read_lines(path):
        cells = line.split("\t")
        if len(cells) != len(COLUMNS):
            raise BadRequest(f"{path}, line {number}: {len(cells)} columns, not {len(COLUMNS)}", field="biasing file")
        rare, biasing_list = (_words(path, number, column, cells[column]) for column in (2, 3))
        utterances.append(Utterance(cells[0], cells[1], rare, biasing_list))
    return utterances


def manifest_lines(utterances: Iterable[Utterance], folder: Path) -> Iterator[str]:
    """Lines of a manifest; `folder` is a part of the corpus, as test-clean. Raises BadRequest for a missing file."""
    for utterance in utterances:
        speaker, _, chapter = utterance.id.rpartition("-")[0].partition("-")
        audio = folder.resolve() / speaker / chapter / f"{utterance.id}.flac"
        if not audio.is_file():
            raise BadRequest(f"{utterance.id}: there is no {audio}", field="folder")
        item = {
            "id": utterance.id,
            "audio": str(audio),
            "text": utterance.reference,
            "language": "en",
            "bias": utterance.rare,
            "keywords": utterance.biasing_list,
        }
        yield json.dumps(item, ensure_ascii=False)


def corpus_words(text: str) -> list[str]:
    """A transcript as the corpus writes: lower case, apostrophes but no other punctuation, numbers and titles in words.

    Years stay cardinal numbers ("one thousand eight hundred"), so they count as errors.
    """
    text = unicodedata.normalize("NFKC", text).replace("’", "'")
    text = re.sub(r"\b(Mrs?|Dr|St)\b", lambda found: _TITLES[found[1]], text).lower()
    text = re.sub(r"\d+", lambda found: f" {number_words(int(found[0]), 'en')} ", spell_numbers(text))
    return [word for word in re.sub(r"[^\w']|_", " ", text).split() if word.strip("'")]


def word_errors(utterance: Utterance, words: Sequence[str]) -> tuple[WordErrors, WordErrors]:
    """Of the words that are not biased (U-WER), and of those that are (B-WER)."""
    errors = {False: WordErrors(), True: WordErrors()}
    for expected, heard in align(utterance.reference.split(), words):
        biased = (heard if expected is None else expected) in utterance.rare
        errors[biased] += WordErrors(
            words=expected is not None,
            substitutions=None not in (expected, heard) and expected != heard,
            insertions=expected is None,
            deletions=heard is None,
        )
    return errors[False], errors[True]


def align(expected: Sequence[str], heard: Sequence[str]) -> list[Pair]:
    """Pairs of an expected and a heard word; None in place of one that is missing."""
    moves = [[_INSERTION] * (len(heard) + 1)]
    costs = [INSERTION_OR_DELETION * column for column in range(len(heard) + 1)]
    for row, word in enumerate(expected, start=1):
        above, costs = costs, [INSERTION_OR_DELETION * row]
        moves.append([_DELETION])
        for column, other in enumerate(heard, start=1):
            cost, move = min(
                (above[column - 1] + (0 if word == other else SUBSTITUTION), _MATCH_OR_SUBSTITUTION),
                (costs[column - 1] + INSERTION_OR_DELETION, _INSERTION),
                (above[column] + INSERTION_OR_DELETION, _DELETION),
            )
            costs.append(cost)
            moves[row].append(move)
    return _walk_back(expected, heard, moves)


def _walk_back(expected: Sequence[str], heard: Sequence[str], moves: list[list[int]]) -> list[Pair]:
    pairs: list[Pair] = []
    row, column = len(expected), len(heard)
    while row or column:
        move = moves[row][column]
        row -= move != _INSERTION
        column -= move != _DELETION
        pairs.append((None if move == _INSERTION else expected[row], None if move == _DELETION else heard[column]))
    return pairs[::-1]


def score(utterances: Iterable[Utterance], texts: Mapping[str, str]) -> dict[str, WordErrors]:
    """WER, U-WER and B-WER. Raises BadRequest for an utterance without a text."""
    unbiased, biased = WordErrors(), WordErrors()
    for utterance in utterances:
        if utterance.id not in texts:
            raise BadRequest(f"no transcript of {utterance.id}", field="id")
        one_unbiased, one_biased = word_errors(utterance, corpus_words(texts[utterance.id]))
        unbiased += one_unbiased
        biased += one_biased
    return {"WER": unbiased + biased, "U-WER": unbiased, "B-WER": biased}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("manifest", help="write a manifest for `sotto eval`")
    writing.add_argument("folder", type=Path, help="part of the corpus, such as LibriSpeech/test-clean")
    writing.add_argument("biasing_file", type=Path)
    writing.add_argument("--out", type=Path, required=True)
    scoring = commands.add_parser("score", help="WER, U-WER and B-WER as the released scorer computes them")
    scoring.add_argument("biasing_file", type=Path)
    scoring.add_argument("transcripts", type=Path, help="JSON lines {id, text}, or TSV as released")
    arguments = parser.parse_args()
    try:
        utterances = read_biasing_file(arguments.biasing_file)
        if arguments.command == "manifest":
            lines = manifest_lines(utterances, arguments.folder)
            arguments.out.write_text("".join(f"{line}\n" for line in lines), "utf-8")
            return
        for name, errors in score(utterances, _texts(arguments.transcripts)).items():
            print(f"{name}: {errors}")
    except BadRequest as error:
        parser.exit(2, f"error: {error.message}\n")


def _words(path: Path, number: int, column: int, cell: str) -> tuple[str, ...]:
    try:
        words = json.loads(cell)
    except ValueError:
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        problem = f"line {number}, column {column + 1} ({COLUMNS[column]}): not a JSON array of strings"
        raise BadRequest(f"{path}, {problem}", field=COLUMNS[column])
    return tuple(words)


def _texts(path: Path) -> dict[str, str]:
    if path.suffix != ".tsv":
        return read_transcripts(path)
    cells = (line.partition("\t") for _, line in read_lines(path))
    return {name: text for name, _, text in cells}


if __name__ == "__main__":
    main()
