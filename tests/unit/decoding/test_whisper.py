import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from service.decoding.whisper import DecodeOptions, Utterance, WhisperDecoder
from service.decoding.windows import MAX_SAMPLES
from service.errors import ModelUnavailable

RATE = 16_000
GREEDY = DecodeOptions(language="en", beam_size=1, temperatures=(0.0,), word_times=False)
SPOKEN = ["human-en-vm-nobox", "human-es-conf-invalid", "human-fr-ss-noservice", "human-it-ss-noservice"]


def words(text):
    return re.findall(r"\w+", text.lower())


def noise(seconds, level, seed=1):
    return (np.random.default_rng(seed).normal(size=int(seconds * RATE)) * level).astype(np.int16)


@pytest.mark.parametrize("name", [*SPOKEN, "human-ru-ss-noservice"])
def test_human_speech_is_understood(decoder, speech, clips, name):
    options = DecodeOptions(language=clips[name]["language"])
    [heard] = decoder.decode([Utterance(speech(name), options)]).hypotheses
    expected = words(clips[name]["text"])
    assert Levenshtein.distance(words(heard.text), expected) <= 0.25 * len(expected)


def test_language_is_detected_where_none_is_given(decoder, speech, clips):
    found = decoder.decode([Utterance(speech(name)) for name in SPOKEN]).hypotheses
    assert [h.language for h in found] == [clips[name]["language"] for name in SPOKEN]
    assert all(0.3 < h.language_probability <= 1 for h in found)


def test_options_of_one_item_do_not_leak_to_its_neighbours(decoder, speech):
    """A batch that mixes everything reads as its items do alone."""
    mixed = [
        Utterance(speech("human-en-vm-nobox"), DecodeOptions(language="en")),
        Utterance(speech("human-es-conf-onlyone"), replace(GREEDY, language="es")),
        Utterance(speech("human-es-conf-invalid"), DecodeOptions(language="es", task="translate")),
        Utterance(speech("human-fr-ss-noservice"), DecodeOptions()),
        Utterance(noise(4, 30), DecodeOptions(language="en")),
        Utterance(speech("human-en-vm-mailboxfull"), DecodeOptions(language="en", prompt="Voicemail of Mrs. Okonkwo.")),
        Utterance(np.zeros(0, np.int16), DecodeOptions(language="it")),
        Utterance(speech("human-en-tt-allbusy"), GREEDY),
    ]
    together = decoder.decode(mixed).hypotheses
    alone = [decoder.decode([utterance]).hypotheses[0] for utterance in mixed]
    assert [h.text for h in together] == [h.text for h in alone]
    assert [h.language for h in together] == [h.language for h in alone]
    assert "please try again" in together[2].text


def test_concurrent_calls_give_what_serial_calls_give(decoder, speech, clips):
    batches = [[Utterance(speech(name), replace(GREEDY, language=clips[name]["language"]))] for name in SPOKEN] * 2
    serial = [decoder.decode(batch).hypotheses[0].text for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        concurrent = [result.hypotheses[0].text for result in pool.map(decoder.decode, batches)]
    assert concurrent == serial


def test_hypothesis_begins_with_the_committed_prefix(decoder, speech):
    samples = speech("human-en-vm-nobox")
    [free] = decoder.decode([Utterance(samples, GREEDY)]).hypotheses
    prefixes = [free.tokens[:n] for n in (0, 2, 5)]
    found = decoder.decode([Utterance(samples, GREEDY, prefix) for prefix in prefixes]).hypotheses
    assert [h.tokens for h in found] == [free.tokens] * 3


def test_committed_words_survive_when_silence_follows(decoder, speech):
    prefix = decoder.decode([Utterance(speech("human-en-vm-nobox"), GREEDY)]).hypotheses[0].tokens[:3]
    quiet = [np.zeros(2 * RATE, np.int16), np.zeros(100, np.int16), noise(2, 20)]
    for hypothesis in decoder.decode([Utterance(q, GREEDY, prefix) for q in quiet]).hypotheses:
        assert hypothesis.tokens == prefix


def test_words_have_rising_times_inside_the_speech(decoder, speech):
    silence = np.zeros(RATE, np.int16)
    samples = np.concatenate([silence, speech("human-en-vm-nobox"), silence])
    [hypothesis] = decoder.decode([Utterance(samples, DecodeOptions(language="en"))]).hypotheses
    times = [time for piece in hypothesis.pieces for time in (piece.start, piece.end)]
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert times[0] >= 0.5
    assert times[-1] <= len(samples) / RATE - 0.5
    assert all(0 <= piece.confidence <= 1 for piece in hypothesis.pieces)


def test_word_times_are_left_out_when_not_wanted(decoder, speech):
    [hypothesis] = decoder.decode([Utterance(speech("human-en-vm-nobox"), GREEDY)]).hypotheses
    assert {piece.start for piece in hypothesis.pieces} == {None}


@pytest.mark.parametrize("options", [DecodeOptions(language="en"), GREEDY], ids=["final", "partial"])
@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(np.zeros(0, np.int16), id="nothing"),
        pytest.param(noise(0.05, 3000), id="50 ms"),
        pytest.param(np.zeros(5 * RATE, np.int16), id="zeros"),
        pytest.param(np.full(3 * RATE, 12_000, np.int16), id="direct current"),
        pytest.param(noise(1, 30), id="faint noise"),
        pytest.param(noise(12, 300), id="noise"),
        pytest.param(noise(4, 30_000).clip(-32768, 32767), id="clipped noise"),
        pytest.param((np.sin(np.arange(20 * RATE) / 50) * 3000).astype(np.int16), id="tone"),
    ],
)
def test_no_speech_gives_no_text(decoder, samples, options):
    [hypothesis] = decoder.decode([Utterance(samples, options)]).hypotheses
    assert hypothesis.text == ""
    assert hypothesis.pieces == ()


def test_music_gives_no_text(decoder, speech):
    music = speech("music")
    crops = [music[start : start + length * RATE] for start, length in ((0, 10), (RATE, 7), (4 * RATE, 3))]
    assert [h.text for h in decoder.decode([Utterance(c, DecodeOptions(language="en")) for c in crops]).hypotheses] == [
        "",
        "",
        "",
    ]


def test_a_prompt_is_not_echoed_over_noise(decoder):
    options = DecodeOptions(language="en", prompt="Brunello Cucinelli, Audemars Piguet, Loro Piana")
    [hypothesis] = decoder.decode([Utterance(noise(6, 100), options)]).hypotheses
    assert hypothesis.text == ""


def test_speech_survives_at_any_loudness(decoder, speech, clips):
    samples = speech("human-en-vm-nobox").astype(np.float64)
    versions = [samples * 0.02, samples * 30, samples + 8000]
    batch = [Utterance(v.clip(-32768, 32767).astype(np.int16), DecodeOptions(language="en")) for v in versions]
    for hypothesis in decoder.decode(batch).hypotheses:
        assert {"cannot", "reply", "message", "mailbox"} <= set(words(hypothesis.text))


def test_results_come_in_the_order_of_the_batch(decoder, speech, clips):
    names = ["human-en-tt-allbusy", "human-en-vm-newpassword", "human-en-vm-newuser", "human-en-conf-invalid"]
    found = decoder.decode([Utterance(speech(name), GREEDY) for name in names]).hypotheses
    keys = ["representatives", "password", "welcome", "conference"]
    assert all(key in h.text.lower() for key, h in zip(keys, found, strict=True))
    assert decoder.decode([]).hypotheses == ()


def test_timings_say_where_the_time_went(decoder, speech):
    timings = decoder.decode([Utterance(speech("human-en-vm-nobox"), DecodeOptions(language="en"))] * 2).timings
    assert timings.batch_size == 2
    assert timings.window_s == 20
    assert set(timings.stages()) == {"features", "encode", "generate", "align", "retrieve"}
    assert all(seconds > 0 for stage, seconds in timings.stages().items() if stage != "retrieve")  # there is no list


@pytest.mark.parametrize(
    ("utterance", "message"),
    [
        (Utterance(np.zeros(MAX_SAMPLES + 1, np.int16)), "over 27 s"),
        (Utterance(np.zeros(RATE, np.float32)), "int16"),
        (Utterance(np.zeros((RATE, 2), np.int16)), "int16"),
        (Utterance(np.zeros(RATE, np.int16), DecodeOptions(language="klingon")), "klingon"),
        (Utterance(np.zeros(RATE, np.int16), prefix=(1,) * 201), "prefix"),
    ],
)
def test_what_cannot_be_decoded_is_refused_by_name(decoder, utterance, message):
    with pytest.raises(ValueError, match=message):
        decoder.decode([utterance])


@pytest.mark.parametrize(
    "options", [{"task": "sing"}, {"beam_size": 0}, {"temperatures": ()}, {"temperatures": (0.5,)}]
)
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        DecodeOptions(**options)


def test_options_that_travelled_as_json_are_as_good_as_new():
    assert DecodeOptions(temperatures=[0.0, 0.4]) == DecodeOptions(temperatures=(0.0, 0.4))


def test_the_decoder_knows_its_languages(decoder):
    assert decoder.is_multilingual
    assert decoder.supports("fr")
    assert not decoder.supports("klingon")


def load(folder, **options):
    return WhisperDecoder(folder, **{"device": "cpu", "compute_type": "int8", "threads": 1, **options})


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(ModelUnavailable, match=r"lacks model\.bin"):
        load(tmp_path)


def test_a_broken_model_is_named(tmp_path, base_model_dir):
    for file in base_model_dir.iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "model.bin").write_bytes(b"not a model")
    with pytest.raises(ModelUnavailable, match="cannot load"):
        load(tmp_path)


def test_a_compute_type_that_does_not_suit_the_device_is_named(base_model_dir):
    with pytest.raises(ModelUnavailable, match="no_such_type"):
        load(base_model_dir, compute_type="no_such_type")


def test_alternatives_are_other_texts_of_the_beam(decoder, speech):
    beam = DecodeOptions(language="en", beam_size=5, word_times=False)
    batch = [Utterance(speech("human-en-vm-nobox"), options) for options in (beam, GREEDY)]
    result = decoder.decode([*batch, Utterance(np.zeros(RATE, np.int16), beam)])
    best = result.hypotheses[0].text.strip()
    assert [len(texts) for texts in result.alternatives] == [2, 0, 0]
    assert best not in result.alternatives[0]
    assert all(Levenshtein.distance(words(best), words(text)) <= 5 for text in result.alternatives[0])
