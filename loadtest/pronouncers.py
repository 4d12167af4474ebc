"""Which way of sounding words finds spoken phrases best: the comparison behind the choice of pronouncer.

    python -m loadtest.pronouncers --manifest M.jsonl --lists L1.json L2.json ...

Every recording is decoded once without bias. For each way of sounding, the phrases of a list are ranked by the least
normalised edit distance of their phones to any run of 1 to 5 words of that text; what is counted is how often a phrase
that was spoken is among the first. Ways whose package is not installed are named and left out. Phones of other
pronouncers are folded to this project's alphabet, so that all are compared by the same distance.
"""

import argparse
import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from rich.console import Console

from loadtest.bias_bench import spoken_items
from service.biasing.sounds import heard, pronunciations, spelled, words
from service.biasing.spelling import letters
from service.commands.bias_options import read_list
from service.decoding.utterance import DecodeOptions, Utterance
from service.decoding.whisper import WhisperDecoder
from service.settings import Settings

RANKS = (1, 5, 10, 40)
MAX_WORDS = 5  # of a run
MAX_DISTANCE = 0.6  # normalised; what is farther is not found
NOT_FOUND = 10**6  # as a rank

_FOLDED = {
    "tʃ dʒ tɕ dʑ tʂ ʈʂ dʐ": "C",
    "ts dz": "s",
    "ɝ ɚ": "er",
    "p b": "p",
    "t d ʈ ɖ": "t",
    "k ɡ g q c ɟ ɣ": "k",
    "f v": "f",
    "s z θ ð": "s",
    "ʃ ʒ ɕ ʑ ʂ ʐ": "S",
    "h x ç χ ħ ɦ": "h",
    "m ɱ": "m",
    "n ŋ ɲ ɳ": "n",
    "l ɫ ʎ ɭ": "l",
    "r ɹ ʁ ʀ ɾ ɽ ɻ": "r",
    "w ʋ β": "w",
    "i ɪ ɨ y ʏ j ʝ": "i",
    "e ɛ æ ə ɜ ø œ": "e",
    "a ɐ ɑ ɒ ʌ": "a",
    "o ɔ ɤ": "o",
    "u ʊ ɯ ʉ ɥ": "u",
}
_PHONES = {ipa: phones for many, phones in _FOLDED.items() for ipa in many.split()}
_IPA = re.compile("|".join(_PHONES))  # two signs come before one
_TIE = "\u0361"
_REPEATED = re.compile(r"(.)\1+")


@dataclass(frozen=True, slots=True)
class Pronouncer:
    """`word`: phones of a word as it is heard; `phrase`: every way that a phrase of a list may sound."""

    name: str
    licence: str
    word: Callable[[str], str]
    phrase: Callable[[str], Iterable[str]]


def fold(ipa: str) -> str:
    """A transcription in this project's coarse alphabet (`service.biasing.spelling`); other signs are dropped."""
    plain = unicodedata.normalize("NFD", ipa).replace(_TIE, "")
    return _REPEATED.sub(r"\1", "".join(_PHONES[found] for found in _IPA.findall(plain)))


def rules(language: str) -> Pronouncer:
    def ways(phrase: str) -> Iterable[str]:
        return pronunciations(phrase, language)[1]

    return Pronouncer("rules, all readings", "MIT", lambda word: heard(word, language)[1], ways)


def rules_one_reading(language: str) -> Pronouncer:
    return _word_by_word("rules, one reading", "MIT", language, lambda word: heard(word, language)[1])


def letters_only(language: str) -> Pronouncer:
    return _word_by_word("letters", "–", language, letters)


def g2p2(language: str) -> Pronouncer:
    phonemize = import_module("g2p2").phonemize
    return _word_by_word("g2p2", "MIT or Apache-2.0", language, lambda word: fold(phonemize(word, language)))


def gruut(language: str) -> Pronouncer:
    sentences = import_module("gruut").sentences
    variety = {"en": "en-us", "fr": "fr-fr", "es": "es-es", "it": "it-it", "de": "de-de"}.get(language, language)

    def word_phones(word: str) -> str:
        return "".join(
            phone for sentence in sentences(word, lang=variety) for one in sentence for phone in one.phonemes or ()
        )

    return _word_by_word("gruut", "MIT", language, lambda word: fold(word_phones(word)))


def espeak(language: str) -> Pronouncer:
    wrapper = import_module("phonemizer.backend.espeak.wrapper").EspeakWrapper
    library = import_module("espeakng_loader")
    wrapper.set_library(library.get_library_path())
    wrapper.set_data_path(library.get_data_path())
    variety = {"en": "en-us", "fr": "fr-fr", "zh": "cmn"}.get(language, language)
    backend = import_module("phonemizer.backend").EspeakBackend(variety)
    return _word_by_word("espeak-ng", "GPL-3.0", language, lambda word: fold(backend.phonemize([word], strip=True)[0]))


Maker = Callable[[str], Pronouncer]  # from a language (ISO 639-1); raises ModuleNotFoundError

WAYS: tuple[Maker, ...] = (letters_only, rules_one_reading, rules, g2p2, gruut, espeak)


def _word_by_word(name: str, licence: str, language: str, sound: Callable[[str], str]) -> Pronouncer:
    """Numbers, initialisms and abbreviations are spelled out for all alike; other words stay as they are written."""

    @cache
    def word(written: str) -> str:
        said = spelled(written, language) if written.isascii() else written.lower()
        return sound(said) if said else ""

    return Pronouncer(name, licence, word, lambda phrase: ["".join(map(word, words(phrase)))])


def available(language: str, console: Console) -> list[Pronouncer]:
    """The pronouncers whose packages are installed; tells of the others."""
    found = []
    for make in WAYS:
        try:
            found.append(make(language))
        except ModuleNotFoundError as error:
            console.print(f"{make.__name__}: left out, since the package {error.name} is not installed")
    return found


def runs(text: str, word: Callable[[str], str]) -> list[str]:
    """The sounds of all runs of 1 to `MAX_WORDS` words."""
    sounds = [word(one) for one in words(text)]
    joined = {sound for first in range(len(sounds)) for sound in accumulate(sounds[first : first + MAX_WORDS])}
    return sorted(joined - {""})


def ranks(heard_runs: Sequence[str], ways: Sequence[Sequence[str]], spoken: Iterable[int]) -> list[int]:
    """For each spoken phrase how many others are nearer, `NOT_FOUND` where it is too far from all that was heard.

    `ways`: the sounds of each phrase of a list; `spoken`: indices of phrases.
    """
    if not heard_runs:
        return [NOT_FOUND for _ in spoken]
    sounds = [sound for each in ways for sound in each or ("",)]
    starts = np.cumsum([0, *(len(each) or 1 for each in ways[:-1])])
    distances = cdist(
        heard_runs, sounds, scorer=Levenshtein.normalized_distance, score_cutoff=MAX_DISTANCE, dtype=np.float32
    )
    nearest: npt.NDArray[np.float32] = np.minimum.reduceat(distances.min(axis=0), starts)
    return [int((nearest < nearest[i]).sum()) if nearest[i] <= MAX_DISTANCE else NOT_FOUND for i in spoken]


def recalls(found: Sequence[int]) -> list[float]:
    """Percent of the phrases that are among the first 1, 5, 10 and 40."""
    return [round(100 * sum(rank < most for rank in found) / len(found), 1) for most in RANKS]


def main() -> None:
    arguments = _arguments()
    console = Console(stderr=True)
    decoder = WhisperDecoder(arguments.model_dir, device="cpu", compute_type="int8", threads=1)
    options = DecodeOptions(language=arguments.language, word_times=False)
    items = [
        (decoder.decode([Utterance(samples, options)]).hypotheses[0].text, item.bias)
        for item, samples in spoken_items(arguments.manifest, arguments.language, arguments.limit)
        if item.bias
    ]
    lists = {path.stem: [entry.phrase for entry in read_list(path)] for path in arguments.lists}
    every = list(dict.fromkeys(phrase for phrases in lists.values() for phrase in phrases))
    columns = ["list", "pronouncer", "licence", *(f"first {rank}" for rank in RANKS), "s per 1,000 phrases"]
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for pronouncer in available(arguments.language, console):
        pronouncer.word("warm")
        started = time.perf_counter()
        ways = {phrase: tuple(pronouncer.phrase(phrase)) for phrase in every}
        per_1000 = 1000 * (time.perf_counter() - started) / len(every)
        for name, phrases in lists.items():
            found = _ranks_of(items, pronouncer, phrases, ways)
            cells = [name, pronouncer.name, pronouncer.licence, *map(str, recalls(found)), f"{per_1000:.2f}"]
            print(f"| {' | '.join(cells)} |", flush=True)


def _ranks_of(
    items: Sequence[tuple[str, Sequence[str]]],
    pronouncer: Pronouncer,
    phrases: Sequence[str],
    ways: dict[str, tuple[str, ...]],
) -> list[int]:
    """The ranks of all phrases that were spoken and are on the list; `items`: texts and what was spoken."""
    index = {phrase: i for i, phrase in enumerate(phrases)}
    found: list[int] = []
    for text, spoken in items:
        listed = [index[phrase] for phrase in spoken if phrase in index]
        found += ranks(runs(text, pronouncer.word), [ways[phrase] for phrase in phrases], listed)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Retrieval recall by pronouncer.")
    parser.add_argument("--manifest", type=Path, nargs="+", required=True, help="JSON lines: id, audio, text, bias")
    parser.add_argument("--lists", type=Path, nargs="+", required=True, help=".json, .csv or .txt")
    parser.add_argument("--language", default="en")
    parser.add_argument("--limit", type=int, help="only so many items")
    parser.add_argument("--model-dir", type=Path, default=Settings().data_dir / "models" / "base")
    return parser.parse_args()


if __name__ == "__main__":
    main()
