"""Pieces of a hypothesis become the words that a list is compared with."""

import pytest

from service.biasing.hypothesis import heard_words
from service.transcript import Piece
from tests.unit.biasing.hearing import decode, encode


def pieces(*texts: str, surprisal: float | None = 0.5) -> list[Piece]:
    return [Piece(text, tuple(encode(text)), surprisal=surprisal) for text in texts]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([" She", " wore", " Loewe."], [" She", " wore", " Loewe."]),
        (["我", "买", "Gu", "cci", "包"], ["我", "买", "Gucci", "包"]),
        (["去", " L", "oewe", "，", "买"], ["去", " Loewe", "，", "买"]),
        ([" O", "'", "Neill"], [" O'Neill"]),
        (["12", "34"], ["12", "34"]),
        ([], []),
    ],
)
def test_scraps_of_a_word_are_joined_and_words_are_not(texts: list[str], words: list[str]) -> None:
    assert [word.text for word in heard_words(pieces(*texts), decode)] == words


def test_tokens_and_text_are_those_of_the_pieces() -> None:
    given = pieces("我", "买", "Gu", "cci", "。")
    heard = heard_words(given, decode)
    assert [token for word in heard for token in word.tokens] == [token for piece in given for token in piece.tokens]


def test_surprise_adds_up_and_is_unknown_where_a_scrap_was_not_measured() -> None:
    [joined] = heard_words(pieces("Gu", "cci"), decode)
    assert joined.surprisal == pytest.approx(1.0)
    [unmeasured] = heard_words([*pieces("Gu"), *pieces("cci", surprisal=None)], decode)
    assert unmeasured.surprisal is None


def test_a_word_of_one_written_token_is_common() -> None:
    spelling = {1: " the", 2: " Lo", 3: "ewe", 4: "."}
    given = [Piece(" the.", (1, 4)), Piece(" Loewe.", (2, 3, 4)), Piece(".", (4,))]
    heard = heard_words(given, lambda tokens: "".join(spelling[token] for token in tokens))
    assert [word.common for word in heard] == [True, False, False]
