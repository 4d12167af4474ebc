"""The answers of POST /v1/audio/transcriptions, from finals to text."""

from typing import Any

from faster_whisper.tokenizer import _LANGUAGE_CODES

from service.gateway.rest.language_names import LANGUAGE_NAMES
from service.gateway.rest.transcription import Transcription, as_json, as_srt, as_verbose_json, as_vtt, cues


def final(text: str, start: float = 0.0, language: str = "en", per_word_s: float = 0.5) -> dict[str, Any]:
    words = [
        {"word": w, "start": start + i * per_word_s, "end": start + (i + 1) * per_word_s, "confidence": 0.9}
        for i, w in enumerate(text.split() if language == "en" else list(text))
    ]
    return {
        "type": "final",
        "id": "s.0",
        "text": text,
        "start": words[0]["start"],
        "end": words[-1]["end"],
        "language": language,
        "words": words,
        "decode": {
            "tokens": [1, 2],
            "avg_logprob": -0.1,
            "no_speech_prob": 0.01,
            "compression_ratio": 1.1,
            "temperature": 0.0,
        },
    }


def test_utterances_are_joined_by_spaces_where_the_script_has_them() -> None:
    assert Transcription((final("Hello there."), final("Bye.")), 3.2).text == "Hello there. Bye."
    assert Transcription((final("你好", language="zh"), final("再见", language="zh")), 3.2).text == "你好再见"


def test_json_says_the_duration_in_whole_seconds_begun() -> None:
    body = as_json(Transcription((final("Hi."),), 3.2))
    assert body == {"text": "Hi.", "usage": {"type": "duration", "seconds": 4}, "languages": [{"code": "en"}]}


def test_no_speech_is_an_empty_text_not_an_error() -> None:
    nothing = Transcription((), 5.0)
    assert as_json(nothing)["text"] == ""
    assert as_srt(nothing) == ""
    assert as_vtt(nothing) == "WEBVTT\n\n"
    verbose = as_verbose_json(nothing, words=True, segments=True)
    assert (verbose["segments"], verbose["language"], verbose["language_code"]) == ([], "", None)
    assert as_json(nothing, logprobs=True) | {"usage": None} == {
        "text": "",
        "usage": None,
        "languages": [],
        "logprobs": [],
    }


def test_matches_are_counted_in_the_words_of_the_whole() -> None:
    match = {"phrase": "Loewe", "first_word": 1, "words": 1, "heard": "low ever", "evidence": {}}
    finals = (
        final("Hi there.") | {"bias": []},
        final("A Loewe bag.") | {"bias": [match]},
        final("Loewe.") | {"bias": [match | {"first_word": 0}]},
    )
    whole = Transcription(finals, 5.0, {"entries": 1})
    for body in (as_json(whole), as_verbose_json(whole, words=True, segments=False)):
        assert [found["first_word"] for found in body["bias"]["matches"]] == [3, 5]
        assert body["bias"]["entries"] == 1
    words = as_verbose_json(whole, words=True, segments=False)["words"]
    assert [words[at]["word"] for at in (3, 5)] == ["Loewe", "Loewe."]


def test_verbose_json_has_only_the_granularities_asked_for() -> None:
    whole = Transcription((final("Hi there."), final("Bye.", 4.0)), 5.0)
    body = as_verbose_json(whole, words=False, segments=True)
    assert "words" not in body
    assert [(s["id"], s["start"]) for s in body["segments"]] == [(0, 0.0), (1, 4.0)]
    assert as_verbose_json(whole, words=True, segments=False)["words"][0] == {
        "word": "Hi",
        "start": 0.0,
        "end": 0.5,
        "confidence": 0.9,
    }


def test_the_language_is_that_of_most_of_the_text() -> None:
    whole = Transcription((final("你", language="zh"), final("a b c d e f")), 5.0)
    verbose = as_verbose_json(whole, words=False, segments=False)
    assert (verbose["language"], verbose["language_code"]) == ("english", "en")
    assert as_json(whole)["languages"] == [{"code": "en"}, {"code": "zh"}]


def test_every_language_of_whisper_has_a_name() -> None:
    assert sorted(LANGUAGE_NAMES) == sorted(_LANGUAGE_CODES)


def test_a_translation_is_english_whatever_was_spoken() -> None:
    whole = Transcription((final("Hi.", language="zh"), final("Bye.", language="ja")), 5.0, task="translate")
    assert as_json(whole) == {"text": "Hi. Bye.", "usage": {"type": "duration", "seconds": 5}}
    verbose = as_verbose_json(whole, words=False, segments=False)
    assert (verbose["task"], verbose["language"], verbose["language_code"]) == ("translate", "english", "en")


def test_logprobs_are_those_of_all_utterances_in_order() -> None:
    tokens = [{"token": text, "bytes": list(text.encode()), "logprob": -0.1} for text in (" Hi", ".", " Bye", ".")]
    finals = (final("Hi.") | {"logprobs": tokens[:2]}, final("Bye.") | {"logprobs": tokens[2:]})
    assert as_json(Transcription(finals, 5.0), logprobs=True)["logprobs"] == tokens
    assert "logprobs" not in as_json(Transcription(finals, 5.0))


def test_subtitles_have_the_clock_of_their_format() -> None:
    whole = Transcription((final("Hello there.", 3661.25),), 3663.0)
    assert as_srt(whole) == "1\n01:01:01,250 --> 01:01:02,250\nHello there.\n\n"
    assert as_vtt(whole) == "WEBVTT\n\n01:01:01.250 --> 01:01:02.250\nHello there.\n\n"


def test_a_long_utterance_is_broken_into_cues_one_can_read() -> None:
    long = final(" ".join(["word"] * 100))
    broken = cues([long])
    assert len(broken) > 5
    assert all(len(cue.text) <= 84 and cue.end - cue.start <= 7.0 for cue in broken)
    assert " ".join(cue.text for cue in broken) == long["text"]


def test_subtitles_are_written_as_the_text_is() -> None:
    said = final("an open source PBX, 你好 again")
    said["text"] = "an open-source PBX,你好 again"
    said["words"][2]["word"] = "-source"
    assert [cue.text for cue in cues([said])] == [said["text"]]
