"""Every strategy of boosted decoding can be switched off, and only that one."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace

import pytest

from service.biasing.bias import Bias, BiasList
from service.biasing.boost import Boost
from service.biasing.entries import Entry
from service.biasing.hypothesis import HeardWord
from service.biasing.selection import prompted
from service.biasing.strategies import EVERY, Strategies
from service.decoding.whisper import DecodeOptions, Utterance, WhisperDecoder
from tests.unit.biasing.hearing import candidate
from tests.unit.decoding.conftest import Samples

PHRASES = ("Comedien Maille", "Kamedian Mole", "Tele-Marketers", "House Hold", "Loewe")
NAMES = [each.name for each in fields(Strategies)]
CLIPS = ("human-en-vm-newuser", "human-en-tt-allbusy")

Boosted = Callable[[Strategies], list[Boost]]


@pytest.fixture(scope="module")
def boosted(decoder: WhisperDecoder, speech: Callable[[str], Samples]) -> Boosted:
    """What the list does to two clips."""
    listed = BiasList([Entry(phrase) for phrase in PHRASES])

    def run(strategies: Strategies) -> list[Boost]:
        options = DecodeOptions(language="en", bias=Bias((listed,), strategies=strategies))
        result = decoder.decode([Utterance(speech(clip), options) for clip in CLIPS])
        assert all(result.boosts)
        return [boost for boost in result.boosts if boost]

    return run


@pytest.fixture(scope="module")
def everything(boosted: Boosted) -> list[Boost]:
    return boosted(EVERY)


def off(name: str) -> Strategies:
    return replace(EVERY, **{name: False})


def test_all_are_on_unless_told_otherwise() -> None:
    assert Bias(()).strategies == Strategies(**dict.fromkeys(NAMES, True))


def test_phrases_are_looked_for_in_the_best_hypothesis_alone(everything: list[Boost], boosted: Boosted) -> None:
    assert any(each.hypothesis > 0 for boost in everything for each in boost.candidates)
    assert {each.hypothesis for boost in boosted(off("alternatives")) for each in boost.candidates} == {0}


def test_plain_edits_measure_other_distances(everything: list[Boost], boosted: Boosted) -> None:
    def distances(boosts: list[Boost]) -> dict[tuple[str, str], float]:
        return {(each.entry.phrase, each.heard): each.distance for boost in boosts for each in boost.candidates}

    weighted, plain = distances(everything), distances(boosted(off("weighted_distance")))
    assert any(plain[pair] != weighted[pair] for pair in weighted.keys() & plain.keys())


def test_phrases_are_read_in_one_way() -> None:
    listed = BiasList([Entry("Loewe")])
    assert listed.compiled("en", readings=False).sounds == listed.compiled("en").sounds[:1]
    assert len(listed.compiled("en").sounds) > 1
    bias = Bias((listed,), strategies=off("readings"))
    assert bias.compiled("en") == [listed.compiled("en", readings=False)]


def test_rivals_are_told_together() -> None:
    rivals = [candidate("Komedian Mail", 2, 4, score=7.0), candidate("Come Dye", 2, 3, score=0.0)]
    assert prompted(rivals) == rivals[:1]
    assert prompted(rivals, dominance=False) == rivals


def test_without_a_second_pass_the_first_is_judged(everything: list[Boost], boosted: Boosted) -> None:
    assert any(boost.second_pass != boost.first_pass for boost in everything)
    for boost in boosted(off("second_pass")):
        assert [word.text for word in boost.second_pass] == [word.text for word in boost.first_pass]
        assert boost.verdicts


def test_nothing_is_put_in_by_hand(boosted: Boosted) -> None:
    kinds = {verdict.proposal.kind for boost in boosted(off("second_pass")) for verdict in boost.verdicts}
    assert "spliced" in kinds
    without = boosted(replace(EVERY, second_pass=False, splices=False))
    assert "spliced" not in {verdict.proposal.kind for boost in without for verdict in boost.verdicts}


def test_the_model_is_not_asked(boosted: Boosted) -> None:
    asked = boosted(off("second_pass"))
    assert any(verdict.gain is not None for boost in asked for verdict in boost.verdicts)
    silent = boosted(replace(EVERY, second_pass=False, judgement=False))
    assert {verdict.gain for boost in silent for verdict in boost.verdicts} == {None}


def test_the_second_pass_is_taken_as_it_is(boosted: Boosted) -> None:
    """The second pass writes "Comedian Maille", which is no phrase."""
    [kept, _] = boosted(off("splices"))
    [taken, _] = boosted(replace(EVERY, splices=False, only_phrases=False))
    assert kept.second_pass != kept.first_pass
    assert kept.tokens == tokens_of(kept.first_pass)
    assert taken.tokens == tokens_of(taken.second_pass)


def tokens_of(words: Sequence[HeardWord]) -> tuple[int, ...]:
    return tuple(token for word in words for token in word.tokens)
