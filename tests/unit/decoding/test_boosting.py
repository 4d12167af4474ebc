"""Boosted decoding of human speech with the real model.

No shipped recording holds a rare name, so ordinary words stand in: "Comedian Mail" is a company's product here that
writes itself Comedien Maille.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from service.biasing.bias import Bias, BiasList
from service.biasing.boost import Boost
from service.biasing.entries import MAX_ENTRIES, Entry
from service.decoding.utterance import DecodeOptions, DecodeResult, Samples, Utterance
from service.decoding.whisper import WhisperDecoder
from service.transcript import Hypothesis

Speech = Callable[[str], Samples]

NAME = "Comedien Maille"
WELCOME, PASSWORD, FRENCH, ITALIAN = (
    "human-en-vm-newuser",
    "human-en-vm-newpassword",
    "human-fr-followme-status",
    "human-it-priv-introsaved",
)
UNSPOKEN = ("Audemars Piguet", "Zibbledonk", "Quorthwick", "Юлия Ким", "李娜", "🍷")
COMMON = ("the", "like", "a", "To", "Will", "First", "Gide", "Shore", "You", "Throo", "Ann")


def bias(*phrases: str, strength: float = 1.0, watch: bool = False) -> Bias:
    return Bias((BiasList([Entry(phrase) for phrase in phrases]),), strength, watch)


def final(samples: Samples, wanted: Bias | None, language: str = "en") -> Utterance:
    return Utterance(samples, DecodeOptions(language=language, bias=wanted))


def heard(decoder: WhisperDecoder, utterance: Utterance) -> Hypothesis:
    return decoder.decode([utterance]).hypotheses[0]


def boost_of(result: DecodeResult) -> Boost:
    boost = result.boosts[0]
    assert boost is not None
    return boost


@pytest.fixture(scope="session")
def unbiased(decoder: WhisperDecoder, speech: Speech) -> Hypothesis:
    return heard(decoder, final(speech(WELCOME), None))


@pytest.mark.parametrize(
    ("clip", "language", "phrase"),
    [
        (WELCOME, "en", NAME),
        (FRENCH, "fr", "Désirée Joindre"),
        (ITALIAN, "it", "Cortez Mente"),
        ("human-es-conf-invalid", "es", "Konferencia Invalido"),
    ],
)
def test_a_phrase_that_was_said_is_written_as_the_list_has_it(
    decoder: WhisperDecoder, speech: Speech, clip: str, language: str, phrase: str
) -> None:
    without = heard(decoder, final(speech(clip), None, language))
    hypothesis = heard(decoder, final(speech(clip), bias(*UNSPOKEN, phrase), language))
    assert phrase not in without.text
    [match] = hypothesis.matches
    assert match.phrase == phrase
    assert match.gain >= match.needed
    assert 0 <= match.distance < 0.5
    assert with_what_was_heard(hypothesis) == without.text


def with_what_was_heard(hypothesis: Hypothesis) -> str:
    """The text with the words of the first pass back where the phrases stand."""
    texts = [piece.text for piece in hypothesis.pieces]
    for match in reversed(hypothesis.matches):
        texts[match.first : match.last] = [f" {match.heard}"]
    return "".join(texts)


def test_pieces_of_a_match_spell_the_phrase_with_the_punctuation_that_was_heard(
    decoder: WhisperDecoder, speech: Speech
) -> None:
    hypothesis = heard(decoder, final(speech(WELCOME), bias(NAME)))
    [match] = hypothesis.matches
    assert match.heard == "Comedian Mail."
    spelled = "".join(piece.text for piece in hypothesis.pieces[match.first : match.last])
    assert spelled == f" {NAME}."


def test_adjacent_phrases_each_tell_what_was_heard(decoder: WhisperDecoder, speech: Speech) -> None:
    hypothesis = heard(decoder, final(speech(WELCOME), bias("Maille", "Comedien")))
    assert [(match.phrase, match.heard) for match in hypothesis.matches] == [
        ("Comedien", "Comedian"),
        ("Maille", "Mail."),
    ]
    assert "Comedien Maille." in hypothesis.text


def test_words_that_a_list_wrote_have_times_in_order(
    decoder: WhisperDecoder, speech: Speech, unbiased: Hypothesis
) -> None:
    hypothesis = heard(decoder, final(speech(WELCOME), bias(NAME)))
    assert hypothesis.text != unbiased.text
    times = [time for piece in hypothesis.pieces for time in (piece.start, piece.end)]
    assert None not in times
    assert times == sorted(times, key=lambda time: time or 0.0)
    [match] = hypothesis.matches
    where, formerly = hypothesis.pieces[match.first].start, unbiased.pieces[match.first].start
    assert where == pytest.approx(formerly, abs=0.3)


def test_items_of_a_batch_have_their_own_lists(decoder: WhisperDecoder, speech: Speech) -> None:
    """A batch that mixes lists, and none, reads as its items do alone."""
    welcome, password = speech(WELCOME), speech(PASSWORD)
    mixed = [
        final(welcome, bias(NAME)),
        final(welcome, None),
        final(password, bias("Poundkey", *UNSPOKEN)),
        final(welcome, bias(*UNSPOKEN)),
        final(speech(FRENCH), bias("Désirée Joindre", "Burot"), "fr"),
        final(welcome, bias("Shortsetup", NAME, "Processe", strength=1.5)),
        final(speech(ITALIAN), bias("Cortez Mente", "Interlokutore"), "it"),
        final(password, bias(NAME, watch=True)),
    ]
    together = decoder.decode(mixed).hypotheses
    alone = [heard(decoder, utterance) for utterance in mixed]
    assert [hypothesis.text for hypothesis in together] == [hypothesis.text for hypothesis in alone]
    assert [[match.phrase for match in hypothesis.matches] for hypothesis in together] == [
        [match.phrase for match in hypothesis.matches] for hypothesis in alone
    ]
    assert NAME in together[0].text
    assert NAME not in together[1].text


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(bias(*UNSPOKEN), id="nothing of it was said"),
        pytest.param(bias(), id="empty"),
        pytest.param(bias("🍷", "—"), id="nothing that sounds"),
        pytest.param(Bias(()), id="no list"),
        pytest.param(bias(NAME, watch=True), id="watched"),
    ],
)
def test_a_list_that_has_nothing_to_say_leaves_the_text_as_it_is(
    decoder: WhisperDecoder, speech: Speech, unbiased: Hypothesis, wanted: Bias
) -> None:
    hypothesis = heard(decoder, final(speech(WELCOME), wanted))
    assert hypothesis.tokens == unbiased.tokens
    assert hypothesis.matches == ()


@pytest.mark.parametrize("clip", [WELCOME, PASSWORD, "human-en-tt-allbusy", "human-en-vm-nobox"])
def test_common_words_on_a_list_harm_nothing(decoder: WhisperDecoder, speech: Speech, clip: str) -> None:
    without = heard(decoder, final(speech(clip), None))
    hypothesis = heard(decoder, final(speech(clip), bias(*COMMON)))
    assert hypothesis.text.lower() == without.text.lower()


def test_common_sure_words_are_not_replaced_by_short_names(decoder: WhisperDecoder, speech: Speech) -> None:
    names = ("Dee", "Cee", "Wil", "Yu", "Tu", "Guyde", "Threw", "Furst", "Ai", "Ei", "Wel Kham")
    without = heard(decoder, final(speech(WELCOME), None))
    assert heard(decoder, final(speech(WELCOME), bias(*names, *UNSPOKEN))).text == without.text


@pytest.mark.parametrize("homophone", ["Welkom Too", "Gyde Yoo Threw", "Shorte Zetup"])
def test_common_sure_words_are_not_replaced_by_a_homophone_on_a_short_list(
    decoder: WhisperDecoder, speech: Speech, unbiased: Hypothesis, homophone: str
) -> None:
    assert heard(decoder, final(speech(WELCOME), bias(homophone))).tokens == unbiased.tokens
    beside = heard(decoder, final(speech(WELCOME), bias(homophone, NAME)))
    assert [match.phrase for match in beside.matches] == [NAME]
    assert with_what_was_heard(beside) == unbiased.text


def test_strength_decides_how_readily_a_phrase_is_believed(decoder: WhisperDecoder, speech: Speech) -> None:
    gains = []
    for strength in (0.5, 1.0, 2.0):
        [match] = heard(decoder, final(speech(WELCOME), bias(NAME, strength=strength))).matches
        gains.append(match.gain - match.needed)
    assert gains == sorted(set(gains))


def test_next_to_no_strength_is_as_good_as_no_list(
    decoder: WhisperDecoder, speech: Speech, unbiased: Hypothesis
) -> None:
    hypothesis = heard(decoder, final(speech(WELCOME), bias(NAME, *COMMON, strength=0.01)))
    assert hypothesis.tokens == unbiased.tokens


def test_a_phrase_whose_boost_is_0_is_switched_off(
    decoder: WhisperDecoder, speech: Speech, unbiased: Hypothesis
) -> None:
    off, other = Entry(NAME, boost=0.0), Entry("Komedian Mail")
    hypothesis = heard(decoder, final(speech(WELCOME), Bias((BiasList([off]),))))
    assert (hypothesis.tokens, hypothesis.matches) == (unbiased.tokens, ())
    beside = heard(decoder, final(speech(WELCOME), Bias((BiasList([off, other]),))))
    assert [match.phrase for match in beside.matches] == [other.phrase]


def test_a_partial_changes_nothing_and_leaves_the_words_of_a_phrase_unsure(
    decoder: WhisperDecoder, speech: Speech, unbiased: Hypothesis
) -> None:
    options = DecodeOptions(language="en", beam_size=1, temperatures=(0.0,), bias=bias(NAME, watch=True))
    plain = heard(decoder, Utterance(speech(WELCOME), replace(options, bias=None)))
    watched = heard(decoder, Utterance(speech(WELCOME), options))
    assert watched.text == plain.text
    unsure = [piece.text for piece in watched.pieces if piece.weakest == 0]
    assert unsure == [" Comedian", " Mail."]
    others = [(one, other) for one, other in zip(watched.pieces, plain.pieces, strict=True) if one.weakest]
    assert all(one == other for one, other in others)


def test_a_phrase_that_stands_there_as_listed_may_be_committed(
    decoder: WhisperDecoder, speech: Speech, unbiased: Hypothesis
) -> None:
    options = DecodeOptions(language="en", beam_size=1, temperatures=(0.0,), bias=bias("Comedian Mail", watch=True))
    watched = heard(decoder, Utterance(speech(WELCOME), options))
    assert "Comedian Mail" in watched.text
    assert all(piece.weakest for piece in watched.pieces)


def test_committed_words_stay_although_the_list_would_change_them(
    decoder: WhisperDecoder, speech: Speech, unbiased: Hypothesis
) -> None:
    for count in (3, 4, 5, len(unbiased.tokens)):
        committed = unbiased.tokens[:count]
        options = DecodeOptions(language="en", bias=bias(NAME, "Wel Comedien", "Procès"))
        hypothesis = heard(decoder, Utterance(speech(WELCOME), options, committed))
        assert hypothesis.tokens[:count] == committed


def test_no_phrase_is_looked_for_in_committed_words_whatever_the_alternatives_say(
    decoder: WhisperDecoder, speech: Speech, unbiased: Hypothesis
) -> None:
    """The alternatives have "Comedian Mail!", half of which is committed."""
    committed = tuple(token for piece in unbiased.pieces[:3] for token in piece.tokens)
    options = DecodeOptions(language="en", bias=bias(NAME, "Maille Furst"))
    boost = boost_of(decoder.decode([Utterance(speech(WELCOME), options, committed)]))
    places = {(candidate.entry.phrase, candidate.place[0] < 3) for candidate in boost.candidates}
    assert places == {("Maille Furst", False)}


def test_behind_a_committed_prefix_phrases_are_found(
    decoder: WhisperDecoder, speech: Speech, unbiased: Hypothesis
) -> None:
    committed = tuple(token for piece in unbiased.pieces[:2] for token in piece.tokens)
    options = DecodeOptions(language="en", bias=bias(NAME))
    hypothesis = heard(decoder, Utterance(speech(WELCOME), options, committed))
    assert hypothesis.text.startswith("".join(piece.text for piece in unbiased.pieces[:2]))
    assert [match.phrase for match in hypothesis.matches] == [NAME]


def test_the_longest_list_allowed_works(decoder: WhisperDecoder, speech: Speech) -> None:
    syllables = ["ka", "mo", "ri", "tel", "dan", "su", "vo", "lin", "pe", "gar"]
    made = [f"{a}{b} {c}{d}".title() for a in syllables for b in syllables for c in syllables for d in syllables]
    hypothesis = heard(decoder, final(speech(WELCOME), bias(*made[: MAX_ENTRIES - 1], NAME)))
    assert [match.phrase for match in hypothesis.matches] == [NAME]


def test_ten_phrases_of_one_sound_are_one_phrase_in_the_text(decoder: WhisperDecoder, speech: Speech) -> None:
    alike = ["Comedien Maille", "Komedian Mayle", "Comedyan Mael", "Komedien Male", "Comédienne Mail"]
    hypothesis = heard(decoder, final(speech(WELCOME), bias(*alike)))
    assert len(hypothesis.matches) == 1


def test_silence_and_noise_stay_silent_with_a_list(decoder: WhisperDecoder) -> None:
    noise = (np.random.default_rng(1).normal(size=5 * 16_000) * 100).astype(np.int16)
    for samples in (np.zeros(5 * 16_000, np.int16), noise, np.zeros(0, np.int16)):
        assert heard(decoder, final(samples, bias(NAME, *COMMON, strength=2.0))).text == ""


def test_the_steps_can_be_told_afterwards(decoder: WhisperDecoder, speech: Speech, unbiased: Hypothesis) -> None:
    boost = boost_of(decoder.decode([final(speech(WELCOME), bias(NAME, *UNSPOKEN))]))
    assert "".join(word.text for word in boost.first_pass) == unbiased.text
    assert all(word.surprisal is not None for word in boost.first_pass)
    assert boost.candidates[0].entry.phrase == NAME
    assert [candidate.entry.phrase for candidate in boost.prompted] == [NAME]
    assert any(verdict.accepted for verdict in boost.verdicts)
    assert decoder.decode([final(speech(WELCOME), None)]).boosts == (None,)


def test_what_boosting_cost_is_told(decoder: WhisperDecoder, speech: Speech) -> None:
    timings = decoder.decode([final(speech(WELCOME), bias(NAME))]).timings
    assert timings.retrieve_s > 0
    assert decoder.decode([final(speech(WELCOME), None)]).timings.retrieve_s == 0
