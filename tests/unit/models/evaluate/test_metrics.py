"""The metrics, the integrated error rate first: by hand, and what always holds of it."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.evaluate.metrics import metrics, rates, ratios
from models.scoring.counts import Counts, judge
from models.scoring.phrases import PhraseFinder
from models.scoring.whisper_rules import WhisperRules


def figure(name: str, counts: Counts, weight: float = 1.0, language: str = "en") -> float:
    [one] = [metric for metric in metrics(weight) if metric.name == name]
    return float(rates(ratios([one], [counts], [language]))[0, 0])


@st.composite
def counted(draw: st.DrawFn) -> Counts:
    words, phrases = draw(st.integers(1, 50)), draw(st.integers(0, 10))
    return Counts(
        utterances=1,
        words=words,
        substitutions=draw(st.integers(0, words)),
        insertions=draw(st.integers(0, 20)),
        phrases=phrases,
        recalled=draw(st.integers(0, phrases)),
        false_alarms=draw(st.integers(0, 10)),
    )


weights = st.floats(0, 20)


def test_ier_by_hand() -> None:
    """Ten words, two wrong; two keywords, one missed."""
    counts = Counts(utterances=1, words=10, substitutions=1, deletions=1, phrases=2, recalled=1)
    assert figure("ier", counts) == pytest.approx(100 * 3 / 12)
    assert figure("ier", counts, weight=5) == pytest.approx(100 * 7 / 20)
    assert figure("mer", counts) == pytest.approx(20)


@given(counted(), weights)
def test_ier_without_keywords_is_the_mixed_error_rate(counts: Counts, weight: float) -> None:
    assert figure("ier", replace(counts, phrases=0, recalled=0), weight) == pytest.approx(figure("mer", counts))


@given(counted())
def test_ier_of_weight_zero_is_the_mixed_error_rate(counts: Counts) -> None:
    assert figure("ier", counts, weight=0) == pytest.approx(figure("mer", counts))


@given(counted(), weights)
def test_ier_is_zero_when_nothing_is_wrong_and_only_then(counts: Counts, weight: float) -> None:
    perfect = replace(counts, substitutions=0, insertions=0, recalled=counts.phrases)
    assert figure("ier", perfect, weight) == 0
    if counts.errors:
        assert figure("ier", counts, weight) > 0


@given(counted(), weights)
def test_ier_grows_with_every_error(counts: Counts, weight: float) -> None:
    for worse in (
        replace(counts, substitutions=counts.substitutions + 1),
        replace(counts, deletions=counts.deletions + 1),
        replace(counts, insertions=counts.insertions + 1),
    ):
        assert figure("ier", worse, weight) > figure("ier", counts, weight)


@given(counted(), st.floats(0.01, 20))
def test_ier_grows_with_every_missed_keyword(counts: Counts, weight: float) -> None:
    assume(counts.recalled)
    assert figure("ier", replace(counts, recalled=counts.recalled - 1), weight) > figure("ier", counts, weight)


@given(counted(), weights)
def test_ier_lies_between_mixed_error_rate_and_share_of_missed_keywords(counts: Counts, weight: float) -> None:
    assume(counts.phrases)
    missed = 100 - figure("recall", counts)
    low, high = sorted((figure("mer", counts), missed))
    assert low - 1e-9 <= figure("ier", counts, weight) <= high + 1e-9


@given(counted(), counted(), weights)
def test_ier_of_two_utterances_lies_between_theirs(one: Counts, other: Counts, weight: float) -> None:
    low, high = sorted((figure("ier", one, weight), figure("ier", other, weight)))
    assert low - 1e-9 <= figure("ier", one + other, weight) <= high + 1e-9


def judged(reference: str, heard: str, language: str, spoken: list[str]) -> Counts:
    rules = WhisperRules()
    return judge(reference, heard, spoken, PhraseFinder(spoken, language, rules), language, rules).counts


def test_chinese_is_counted_by_character_and_latin_names_in_it_by_word() -> None:
    """Seven tokens: 我 要 cartier 的 戒 指 吗; one character and the name are wrong."""
    counts = judged("我要 Cartier 的戒指吗", "我要卡地亞的戒止嗎", "zh", ["Cartier"])
    assert counts.words == 7
    assert figure("mer", counts, language="zh") == pytest.approx(100 * 4 / 7)
    assert figure("ier", counts, language="zh") == pytest.approx(100 * 5 / 8)


def test_pure_chinese_has_equal_mixed_and_character_error_rates_and_no_word_error_rate() -> None:
    counts = judged("今天下午三点见", "今天下五三点钟见", "zh", [])
    assert figure("mer", counts, language="zh") == figure("cer", counts, language="zh") == pytest.approx(200 / 7)
    assert figure("wer", counts, language="zh") != figure("wer", counts, language="zh")  # NaN


def test_f1_is_the_harmonic_mean_of_precision_and_recall() -> None:
    counts = Counts(utterances=1, words=30, phrases=5, recalled=3, false_alarms=1)
    precision, recall = figure("precision", counts), figure("recall", counts)
    assert (precision, recall) == (75, 60)
    assert figure("f1", counts) == pytest.approx(2 * precision * recall / (precision + recall))


def test_errors_are_shared_out_to_keywords_and_other_words() -> None:
    counts = judged("show the moynat bag", "show a monet bag", "en", ["Moynat"])
    assert (figure("b_wer", counts), figure("u_wer", counts)) == (pytest.approx(100), pytest.approx(100 / 3))
