"""Detection among the languages that a client names, by the real model."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from service.decoding.utterance import DecodeOptions, Samples, Utterance
from service.decoding.whisper import WhisperDecoder
from service.transcript import Hypothesis

Speech = Callable[[str], Samples]

GREEDY = DecodeOptions(beam_size=1, temperatures=(0.0,), word_times=False)
FRENCH, RUSSIAN = "human-fr-followme-status", "human-ru-ss-noservice"


def among(decoder: WhisperDecoder, samples: Samples, *languages: str) -> Hypothesis:
    return decoder.decode([Utterance(samples, replace(GREEDY, languages=languages))]).hypotheses[0]


@pytest.mark.parametrize(("name", "spoken"), [(FRENCH, "fr"), (RUSSIAN, "ru")])
def test_the_spoken_language_is_found_among_candidates(
    decoder: WhisperDecoder, speech: Speech, name: str, spoken: str
) -> None:
    free = among(decoder, speech(name))
    assert free.language == spoken
    for candidates in ((spoken,), ("en", spoken), (spoken, "es", "de", "ja")):
        assert among(decoder, speech(name), *candidates) == free


def test_the_likeliest_candidate_is_taken_where_the_spoken_language_is_none(
    decoder: WhisperDecoder, speech: Speech
) -> None:
    alone = {language: among(decoder, speech(RUSSIAN), language) for language in ("en", "uk", "ja")}
    assert [hypothesis.language for hypothesis in alone.values()] == list(alone)
    likeliest = max(alone.values(), key=lambda hypothesis: hypothesis.language_probability)
    for candidates in (("en", "uk", "ja"), ("ja", "uk", "en")):
        assert among(decoder, speech(RUSSIAN), *candidates) == likeliest
    assert likeliest.language_probability < 0.5


def test_items_of_a_batch_have_their_own_candidates(decoder: WhisperDecoder, speech: Speech) -> None:
    wanted = [("en", "es"), (), ("fr", "it"), ("ru",)]
    batch = [Utterance(speech(FRENCH), replace(GREEDY, languages=candidates)) for candidates in wanted]
    found = [hypothesis.language for hypothesis in decoder.decode(batch).hypotheses]
    assert found == [among(decoder, speech(FRENCH), *candidates).language for candidates in wanted]
    assert found[0] in wanted[0]
    assert found[1:] == ["fr", "fr", "ru"]


def test_one_language_that_is_asked_for_wins(decoder: WhisperDecoder, speech: Speech) -> None:
    options = replace(GREEDY, language="fr", languages=("en", "es"))
    [hypothesis] = decoder.decode([Utterance(speech(FRENCH), options)]).hypotheses
    assert hypothesis.language == "fr"


def test_silence_is_in_a_candidate(decoder: WhisperDecoder) -> None:
    assert among(decoder, np.zeros(16_000, np.int16), "it", "fr").language == "it"


def test_a_candidate_that_the_model_lacks_is_refused_by_name(decoder: WhisperDecoder, speech: Speech) -> None:
    with pytest.raises(ValueError, match="'klingon'"):
        among(decoder, speech(FRENCH), "fr", "klingon")


def test_candidates_that_travelled_as_json_are_as_good_as_new() -> None:
    assert DecodeOptions(languages=["en", "es"]) == DecodeOptions(languages=("en", "es"))  # type: ignore[arg-type]
