import pytest

from models.scoring.numbers import english_ordinal, number_words


@pytest.mark.parametrize(
    ("number", "language", "words"),
    [
        (0, "en", "zero"),
        (38, "en", "thirty eight"),
        (700, "en", "seven hundred"),
        (310_000, "en", "three hundred ten thousand"),
        (999_999, "en", "nine hundred ninety nine thousand nine hundred ninety nine"),
        (1_000_000, "en", "1000000"),
        (23, "es", "veintitres"),
        (45, "es", "cuarenta y cinco"),
        (70, "fr", "soixante dix"),
        (71, "fr", "soixante onze"),
        (80, "fr", "quatre-vingt"),
        (99, "fr", "quatre-vingt dix-neuf"),
        (28, "it", "ventotto"),
        (53, "it", "cinquantatre"),
        (42, "ru", "сорок два"),
        (100, "it", "100"),
        (7, "de", "7"),
    ],
)
def test_number_in_words(number: int, language: str, words: str) -> None:
    assert number_words(number, language) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "first"), (22, "twenty second"), (30, "thirtieth"), (112, "one hundred twelfth"), (1000, "one thousandth")],
)
def test_ordinal(number: int, words: str) -> None:
    assert english_ordinal(number) == words
