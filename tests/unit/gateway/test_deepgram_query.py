"""The query string of `/v1/listen`: what is taken, what is refused, and that the declarations are true."""

from collections.abc import Callable
from inspect import signature
from typing import Any, get_args

import pytest
from deepgram.listen.v1.client import V1Client
from deepgram.listen.v1.media.client import MediaClient
from deepgram.types.listen_v1model import ListenV1Model
from starlette.datastructures import QueryParams

from service.audio.endpointer import EndpointerOptions
from service.errors import BadRequest
from service.gateway.sockets.deepgram.alternatives import MODELS
from service.gateway.sockets.deepgram.parameters import PARAMETERS, Mode, Reader
from service.gateway.sockets.deepgram.query import (
    LiveQuery,
    RecordedQuery,
    parse_live,
    parse_recorded,
    read_live,
    read_recorded,
)


def live(query: str) -> LiveQuery:
    return parse_live(QueryParams(query))


def recorded(query: str) -> RecordedQuery:
    return parse_recorded(QueryParams(query))


@pytest.mark.parametrize("mode", ["live", "recorded"])
def test_exactly_what_is_declared_as_supported_is_read(mode: Mode) -> None:
    reader = Reader(QueryParams(""), mode)
    read_live(reader) if mode == "live" else read_recorded(reader)
    declared = {name for name, parameter in PARAMETERS.items() if getattr(parameter, mode) == "supported"}
    assert reader.read == declared


def test_names_of_models_are_those_of_the_sdk() -> None:
    [names, _] = get_args(ListenV1Model)
    assert set(get_args(names)) <= MODELS


@pytest.mark.parametrize(
    ("query", "format"),
    [
        ("encoding=linear16&sample_rate=24000&channels=2", ("pcm_s16le", 24_000, 2)),
        ("encoding=linear32&sample_rate=48000", ("pcm_f32le", 48_000, 1)),
        ("encoding=mulaw", ("mulaw", 8_000, 1)),
        ("encoding=alaw&sample_rate=16000", ("alaw", 16_000, 1)),
        ("encoding=linear16&sample_rate=8000&channels=2&multichannel=true", ("pcm_s16le", 8_000, 1)),
    ],
)
def test_raw_formats(query: str, format: tuple[str, int, int]) -> None:
    found = live(query).format
    assert found
    assert (found.encoding, found.sample_rate, found.channels) == format


def test_coded_streams_carry_their_own_format_and_containers_tell_it() -> None:
    formats = [live(f"encoding={name}").format for name in ("opus", "ogg-opus", "flac")]
    assert [format.encoding for format in formats if format] == ["opus", "ogg_opus", "flac"]
    assert live("sample_rate=44100").format is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("encoding=amr-nb", "encoding"),
        ("encoding=g729&sample_rate=8000", "encoding"),
        ("encoding=linear16", "sample_rate"),
        ("encoding=linear16&sample_rate=700", "sample_rate"),
        ("encoding=linear16&sample_rate=fast", "sample_rate"),
        ("encoding=linear16&sample_rate=16000&channels=99", "channels"),
        ("encoding=linear16&sample_rate=16000&channels=0", "channels"),
        ("encoding=linear16&sample_rate=16000&channels=99&multichannel=true", "channels"),
        ("channels=2&multichannel=true", "multichannel"),
        ("interim_results=maybe", "interim_results"),
        ("endpointing=soon", "endpointing"),
        ("endpointing=-1", "endpointing"),
        ("utterance_end_ms=1000", "utterance_end_ms"),
        ("utterance_end_ms=900&interim_results=true", "utterance_end_ms"),
        ("redact=pci", "redact"),
        ("callback=https://example.com", "callback"),
        ("extra=nothing", "extra"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(query: str, field: str) -> None:
    with pytest.raises(BadRequest) as refused:
        live(query)
    assert refused.value.field == field


def test_unknown_and_ignored_parameters_do_no_harm() -> None:
    assert live("flux_capacitor=1&diarize=true&numerals=yes&redact=false&callback=") == live("")


@pytest.mark.parametrize(
    ("value", "silence_ms", "told"),
    [
        ("300", 300, True),
        ("10", 100, True),
        ("99999", 10_000, True),
        ("true", EndpointerOptions().silence_ms, True),
        ("false", EndpointerOptions().silence_ms, False),
    ],
)
def test_endpointing_is_a_silence_or_a_switch(value: str, silence_ms: int, told: bool) -> None:
    query = live(f"endpointing={value}")
    assert (query.endpointing.silence_ms, query.speech_final) == (silence_ms, told)


@pytest.mark.parametrize(
    ("query", "language", "candidates", "multi"),
    [
        ("", "en", (), False),
        ("language=pt-BR", "pt", (), False),
        ("language=multi", None, (), True),
        ("language=multi&language_hint=en-GB&language_hint=ES", None, ("en", "es"), True),
        ("language=es&language_hint=en", "es", (), False),
        ("detect_language=true", None, (), False),
        ("detect_language=en&detect_language=fr", None, ("en", "fr"), False),
        ("detect_language=false&language=it", "it", (), False),
    ],
)
def test_languages(query: str, language: str | None, candidates: tuple[str, ...], multi: bool) -> None:
    for asked in (live(query).asked, recorded(query).asked):
        assert (asked.language, asked.languages, asked.multi) == (language, candidates, multi)


@pytest.mark.parametrize(
    ("query", "phrases"),
    [
        ("keyterm=Loewe&keyterm=Brunello%20Cucinelli", ("Loewe", "Brunello Cucinelli")),
        ("keyterm=term:2", ("term:2",)),
        ("keywords=Loewe", ("Loewe",)),
        ("keywords=Loewe:1.5&keywords=Dior:9", ({"phrase": "Loewe", "boost": 1.5}, {"phrase": "Dior", "boost": 2.0})),
        ("keywords=Etro:-3&keywords=a:b", ({"phrase": "Etro", "boost": 0.0}, "a:b")),
        ("keywords=Etro:nan", ("Etro:nan",)),
    ],
)
def test_keyterms_and_keywords_are_phrases(query: str, phrases: tuple[Any, ...]) -> None:
    assert live(query).asked.phrases == phrases


def test_formatting_follows_the_flags() -> None:
    assert [recorded(query).asked.punctuate for query in ("", "punctuate=true", "smart_format=True")] == [
        False,
        True,
        True,
    ]
    assert (recorded("paragraphs=true").asked.punctuate, recorded("smart_format=true").paragraphs) == (True, True)


def test_recordings_are_split_as_asked() -> None:
    query = recorded("utterances=true&utt_split=1.2&tag=a&tag=b&extra=call:7")
    assert (query.utterances, query.utt_split_s, query.tags, query.asked.extra) == (
        True,
        1.2,
        ("a", "b"),
        {"call": "7"},
    )
    for bad in ("0", "-1", "nan", "soon"):
        with pytest.raises(BadRequest, match="utt_split"):
            recorded(f"utt_split={bad}")


@pytest.mark.parametrize(("call", "mode"), [(V1Client.connect, "live"), (MediaClient.transcribe_file, "recorded")])
def test_every_parameter_of_the_sdk_is_declared(call: Callable[..., Any], mode: Mode) -> None:
    sent = set(signature(call).parameters) - {"self", "request", "authorization", "request_options"}
    assert sent <= {name for name, parameter in PARAMETERS.items() if getattr(parameter, mode)}
