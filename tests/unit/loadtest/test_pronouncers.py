"""The comparison of pronouncers: folding, ranking, and what happens without the packages."""

from io import StringIO

import pytest
from rich.console import Console

from loadtest import pronouncers
from loadtest.pronouncers import NOT_FOUND, available, fold, ranks, recalls, runs
from service.biasing.spelling import PHONES


@pytest.mark.parametrize(
    ("ipa", "phones"),
    [
        ("kutʃiˈnɛlli", "kuCineli"),
        ("ˈd͡ʒɔɹd͡ʒ", "CorC"),
        ("θɝːd", "sert"),
        ("ʒɑ̃", "Sa"),
        ("ˌbɹʌˈnɛl.oʊ", "pranelou"),
        ("", ""),
        ("‖ʔ", ""),
    ],
)
def test_other_transcriptions_fold_to_the_coarse_alphabet(ipa: str, phones: str) -> None:
    assert fold(ipa) == phones
    assert set(fold(ipa)) <= set(PHONES)


def test_runs_are_of_one_to_five_words() -> None:
    found = runs("a b c d e, f", str.upper)
    assert {"A", "AB", "ABCDE", "BCDEF", "F"} <= set(found)
    assert "ABCDEF" not in found
    assert runs("…", str.upper) == []


def test_a_rank_is_the_number_of_phrases_that_are_nearer() -> None:
    ways = [("kata",), ("kuti", "kuto"), (), ("mmmm",)]
    assert ranks(["kuto", "nala"], ways, [0, 1, 2, 3]) == [1, 0, NOT_FOUND, NOT_FOUND]
    assert ranks([], ways, [0]) == [NOT_FOUND]


def test_recall_counts_what_is_among_the_first() -> None:
    assert recalls([0, 0, 4, 9, NOT_FOUND]) == [40.0, 60.0, 80.0, 80.0]


def test_a_missing_package_is_named_and_the_others_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(pronouncers, "import_module", missing)
    told = StringIO()
    found = available("en", Console(file=told, width=200))
    assert len(found) == 3
    for package in ("g2p2", "gruut", "phonemizer"):
        assert package in told.getvalue()


@pytest.mark.parametrize("make", [pronouncers.rules, pronouncers.rules_one_reading, pronouncers.letters_only])
def test_a_phrase_and_the_same_words_heard_sound_alike(make: pronouncers.Maker) -> None:
    pronouncer = make("en")
    assert "".join(map(pronouncer.word, ("Loro", "Piana", "3"))) in pronouncer.phrase("Loro Piana 3")
