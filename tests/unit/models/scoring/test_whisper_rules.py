"""Tokens by Whisper's normalisers, and what is added to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.scoring.counts import judge
from models.scoring.phrases import PhraseFinder
from models.scoring.rates import error_rate, phrase_distance
from models.scoring.whisper_rules import WhisperRules, tokeniser
from service.errors import BadRequest

PLAIN, FOLDED = WhisperRules(), WhisperRules(fold_accents=True)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Um, she's paid twenty-five dollars (laughs)", "she is paid $25"),
        ("en", "Well... the Hermès colour", "well the hermes color"),
        ("fr", "L'été, à Paris !", "l été à paris"),
        ("zh", "我要 Cartier 的23個戒指。", "我 要 cartier 的 二 十 三 个 戒 指"),
        ("ja", "バッグをください。", "バ ッ グ を く だ さ い"),
        ("ru", "Мой ёж", "мой ёж"),
    ],
)
def test_tokens(language: str, text: str, expected: str) -> None:
    assert " ".join(PLAIN(text, language)) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [("fr", "L'été à Paris", "l ete a paris"), ("ja", "バッグ", "バ ッ グ"), ("ru", "Мой ёж", "мой еж")],
)
def test_accents_are_folded_on_demand_but_not_those_that_make_another_letter(
    language: str, text: str, expected: str
) -> None:
    assert " ".join(FOLDED(text, language)) == expected


@given(st.text(max_size=60), st.sampled_from(["en", "fr", "zh", "ja", "th", "ru"]))
def test_tokens_hold_letters_or_digits_and_no_spaces(text: str, language: str) -> None:
    for token in FOLDED(text, language):
        assert any(map(str.isalnum, token))
        assert token == token.strip()


def test_rules_that_there_are_not_are_refused() -> None:
    with pytest.raises(BadRequest, match="whisper or sotto"):
        tokeniser("kaldi")


def test_errors_and_phrases_are_counted_by_the_rules_that_are_given() -> None:
    spoken, reference, heard = ["Hermès"], "le sac Hermès coûte vingt euros", "le sac Hermes coute vingt euros"
    strict = judge(reference, heard, spoken, PhraseFinder(spoken, "fr", PLAIN), "fr", PLAIN).counts
    lenient = judge(reference, heard, spoken, PhraseFinder(spoken, "fr", FOLDED), "fr", FOLDED).counts
    assert (strict.errors, strict.recalled) == (2, 0)
    assert (lenient.errors, lenient.recalled) == (0, 1)


def test_rate_of_one_utterance_by_word_and_by_character() -> None:
    assert error_rate("two red bags", "two read bags", "en", PLAIN) == pytest.approx(1 / 3)
    assert error_rate("two red bags", "two read bags", "en", PLAIN, "character") == pytest.approx(1 / 8)
    assert error_rate("我要包", "我要书", "zh", PLAIN) == pytest.approx(1 / 3)
    assert error_rate("", "thank you", "en", PLAIN) == 2


@given(st.text("abc ", max_size=20))
def test_rate_of_a_text_against_itself_is_zero(text: str) -> None:
    assert error_rate(text, text, "en", PLAIN) == 0
    assert error_rate(text, text, "en", PLAIN, "character") == 0


@pytest.mark.parametrize(
    ("phrase", "heard", "distance"),
    [
        ("Moynat", "the moynat bag", 0.0),
        ("Loro Piana", "by loropiana today", 0.0),
        ("Moynat", "", 1.0),
        ("Moynat", "xxx", 1.0),
        ("…", "anything", 0.0),
    ],
)
def test_distance_of_a_phrase_from_what_was_heard(phrase: str, heard: str, distance: float) -> None:
    assert phrase_distance(phrase, heard, "en", PLAIN) == pytest.approx(distance)


def test_a_nearer_spelling_is_nearer() -> None:
    near, far = (phrase_distance("Jacquemus", f"the {word} bag", "en", PLAIN) for word in ("jackmus", "leather"))
    assert near < far < 1
