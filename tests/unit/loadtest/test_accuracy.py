import pytest

from loadtest.accuracy import WordErrors, normalise, word_errors


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Don’t worry — it's FINE.", ["dont", "worry", "its", "fine"]),
        ("follow-up, ok?", ["follow", "up", "ok"]),
        ("Élan naïve", ["élan", "naïve"]),
        ("买了Rolex手表", ["买", "了", "rolex", "手", "表"]),
        ("20%", ["20"]),
        ("", []),
    ],
)
def test_normalisation(text: str, tokens: list[str]) -> None:
    assert normalise(text) == tokens


def test_word_errors_count_all_three_kinds() -> None:
    assert word_errors("the cat sat here", "a cat here now") == WordErrors(3, 4)


def test_errors_add_up() -> None:
    total = WordErrors(1, 4) + WordErrors(1, 6)
    assert total.rate == pytest.approx(0.2)
    assert WordErrors(0, 0).rate is None
