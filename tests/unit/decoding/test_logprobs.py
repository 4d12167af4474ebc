"""Log-probabilities of tokens, by the real model over human speech."""

import math
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service.biasing.bias import Bias, BiasList
from service.biasing.entries import Entry
from service.decoding.utterance import DecodeOptions, Samples, Utterance
from service.decoding.vocabulary import Vocabulary
from service.decoding.whisper import WhisperDecoder
from service.streaming.agreement import Agreement, contradicts
from service.streaming.captions import final_of
from service.transcript import Hypothesis

Speech = Callable[[str], Samples]

SPOKEN = {
    "human-en-vm-nobox": "en",
    "human-fr-followme-status": "fr",
    "human-ru-ss-noservice": "ru",
    "human-it-priv-introsaved": "it",
}
WELCOME = "human-en-vm-newuser"
NAME = "Comedien Maille"
SPLIT_CHARACTERS = " 他問了Zoé 👩🏽‍⚕️ 鹕𓆉的價格"  # several take more than one token each


@pytest.fixture(scope="module")
def vocabulary(base_model_dir: Path) -> Vocabulary:
    return Vocabulary(base_model_dir, multilingual=True)


def heard(
    decoder: WhisperDecoder, samples: Samples, options: DecodeOptions, prefix: tuple[int, ...] = ()
) -> Hypothesis:
    return decoder.decode([Utterance(samples, replace(options, logprobs=True), prefix)]).hypotheses[0]


def spelled(hypothesis: Hypothesis) -> str:
    assert len(hypothesis.logprobs) == len(hypothesis.tokens)
    return b"".join(token.utf8 for token in hypothesis.logprobs).decode()


def biased(*phrases: str) -> DecodeOptions:
    return DecodeOptions(language="en", bias=Bias((BiasList([Entry(phrase) for phrase in phrases]),)))


@pytest.mark.parametrize("name", SPOKEN)
def test_bytes_of_the_tokens_join_to_the_text(decoder: WhisperDecoder, speech: Speech, name: str) -> None:
    hypothesis = heard(decoder, speech(name), DecodeOptions(language=SPOKEN[name]))
    assert hypothesis.text
    assert spelled(hypothesis) == hypothesis.text


@pytest.mark.parametrize("name", SPOKEN)
def test_log_probabilities_agree_with_the_confidence_of_their_word(
    decoder: WhisperDecoder, speech: Speech, name: str
) -> None:
    for piece in heard(decoder, speech(name), DecodeOptions(language=SPOKEN[name])).pieces:
        probabilities = [math.exp(token.logprob) for token in piece.logprobs]
        assert len(probabilities) == len(piece.tokens)
        assert statistics.fmean(probabilities) == pytest.approx(piece.confidence, abs=1e-4)
        assert min(probabilities) == pytest.approx(piece.weakest, abs=1e-4)
        assert sum(token.logprob for token in piece.logprobs) == pytest.approx(-(piece.surprisal or 0.0), abs=1e-3)


def test_they_do_not_depend_on_word_times_and_change_nothing_else(decoder: WhisperDecoder, speech: Speech) -> None:
    samples = speech("human-fr-followme-status")
    options = DecodeOptions(language="fr")
    asked = heard(decoder, samples, options)
    assert heard(decoder, samples, replace(options, word_times=False)).logprobs == asked.logprobs
    [plain] = decoder.decode([Utterance(samples, options)]).hypotheses
    assert plain.logprobs == ()
    assert replace(asked, pieces=tuple(replace(piece, logprobs=()) for piece in asked.pieces)) == plain


def test_items_of_a_batch_have_their_own(decoder: WhisperDecoder, speech: Speech) -> None:
    asked = [DecodeOptions(language=language, logprobs=True) for language in SPOKEN.values()]
    wanted = [asked[0], replace(asked[1], logprobs=False), replace(asked[2], word_times=False), asked[3]]
    batch = [Utterance(speech(name), options) for name, options in zip(SPOKEN, wanted, strict=True)]
    together = decoder.decode(batch).hypotheses
    assert [bool(hypothesis.logprobs) for hypothesis in together] == [True, False, True, True]
    for utterance, hypothesis in zip(batch, together, strict=True):
        [alone] = decoder.decode([utterance]).hypotheses
        assert [token.utf8 for token in hypothesis.logprobs] == [token.utf8 for token in alone.logprobs]
        assert [token.logprob for token in hypothesis.logprobs] == pytest.approx(
            [token.logprob for token in alone.logprobs], abs=0.05
        )


def test_a_character_that_takes_several_tokens_is_whole_in_the_bytes(
    decoder: WhisperDecoder, speech: Speech, vocabulary: Vocabulary
) -> None:
    prefix = tuple(vocabulary.encode(SPLIT_CHARACTERS))
    hypothesis = heard(decoder, speech(WELCOME), DecodeOptions(language="zh"), prefix)
    assert spelled(hypothesis) == hypothesis.text
    assert hypothesis.text.startswith(SPLIT_CHARACTERS)
    assert any("\ufffd" in token.utf8.decode(errors="replace") for token in hypothesis.logprobs)


def test_every_text_token_spells_what_the_tokenizer_decodes(vocabulary: Vocabulary) -> None:
    for token in range(vocabulary.eot):
        assert vocabulary.utf8(token).decode(errors="replace") == vocabulary.text([token])


def test_words_that_were_committed_earlier_have_them_too(decoder: WhisperDecoder, speech: Speech) -> None:
    free = heard(decoder, speech(WELCOME), DecodeOptions(language="en"))
    behind = heard(decoder, speech(WELCOME), DecodeOptions(language="en"), free.tokens[:4])
    assert behind.logprobs == free.logprobs


def test_words_that_a_list_wrote_have_their_own(decoder: WhisperDecoder, speech: Speech) -> None:
    samples = speech(WELCOME)
    free = heard(decoder, samples, DecodeOptions(language="en"))
    hypothesis = heard(decoder, samples, biased(NAME))
    assert NAME in hypothesis.text
    assert spelled(hypothesis) == hypothesis.text
    forced = heard(decoder, samples, DecodeOptions(language="en"), hypothesis.tokens)
    assert forced.logprobs[: len(hypothesis.tokens)] == hypothesis.logprobs
    [match] = hypothesis.matches
    name = [token.logprob for piece in hypothesis.pieces[match.first : match.last] for token in piece.logprobs]
    assert sum(name) < sum(token.logprob for piece in free.pieces[match.first : match.last] for token in piece.logprobs)


def test_a_list_that_changes_nothing_leaves_them_as_they_are(decoder: WhisperDecoder, speech: Speech) -> None:
    free = heard(decoder, speech(WELCOME), DecodeOptions(language="en"))
    assert heard(decoder, speech(WELCOME), biased("Audemars Piguet")).logprobs == free.logprobs


def test_a_final_that_keeps_its_committed_words_against_the_decode_has_those_words_only(
    decoder: WhisperDecoder, speech: Speech, vocabulary: Vocabulary
) -> None:
    """The text goes on inside the last committed word, which therefore stands alone."""
    whole = heard(decoder, speech(WELCOME), DecodeOptions(language="en"))
    first = vocabulary.pieces(vocabulary.encode(" Wel"), "en")
    prefix = tuple(token for piece in first for token in piece.tokens)
    hypothesis = heard(decoder, speech(WELCOME), DecodeOptions(language="en"), prefix)
    assert contradicts(Agreement(committed=first), hypothesis)
    final = final_of(Agreement(committed=first), hypothesis, 0, 0, 16_000)
    assert final.tokens == prefix
    assert final.logprobs == hypothesis.logprobs[: len(prefix)]
    assert b"".join(token.utf8 for token in final.logprobs) == b" Wel"
    assert final_of(Agreement(committed=first), whole, 0, 0, 16_000).logprobs == ()


def test_silence_has_none(decoder: WhisperDecoder) -> None:
    for samples in (np.zeros(0, np.int16), np.zeros(32_000, np.int16)):
        assert heard(decoder, samples, DecodeOptions(language="en")).logprobs == ()
