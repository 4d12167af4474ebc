"""Session events as Deepgram's messages: order, spans, flags, gaps."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from service.gateway.sockets.deepgram.channel import Channel, ChannelOptions, Message
from service.gateway.sockets.deepgram.streams import AudioClock

METADATA = {"request_id": "r", "model_info": {"name": "base", "version": "1", "arch": "whisper"}, "model_uuid": "u"}
PLAIN = ChannelOptions(metadata=METADATA, punctuate=True)


def started(number: int, start: float) -> dict[str, Any]:
    return {"type": "speech_started", "id": f"s.{number}", "start": start}


def ended(number: int, end: float, cause: str = "silence") -> dict[str, Any]:
    return {"type": "speech_ended", "id": f"s.{number}", "end": end, "cause": cause}


def partial(number: int, text: str, start: float, end: float) -> dict[str, Any]:
    event = {"type": "partial", "id": f"s.{number}", "committed": text, "tentative": "", "confidence": 0.7}
    return event | {"start": start, "end": end}


def final(number: int, *words: tuple[str, float, float, float], language: str = "en") -> dict[str, Any]:
    return {
        "type": "final",
        "id": f"s.{number}",
        "text": ("" if language == "zh" else " ").join(word for word, *_ in words),
        "language": language,
        "words": [dict(zip(("word", "start", "end", "confidence"), word, strict=True)) for word in words],
    }


HELLO = final(0, ("Hello,", 0.4, 0.9, 0.9), ("Anna.", 0.9, 1.2, 0.5))
BYE = final(1, ("Bye.", 3.4, 3.8, 0.8))


def told(options: ChannelOptions, *events: dict[str, Any]) -> list[Message]:
    channel = Channel(options)
    return [message for event in events for message in channel.on(event)]


def transcript(message: Message) -> str:
    text: str = message["channel"]["alternatives"][0]["transcript"]
    return text


def test_a_final_has_every_field_of_results() -> None:
    [result] = told(PLAIN, started(0, 0.2), ended(0, 1.3), HELLO)
    assert result == {
        "type": "Results",
        "channel_index": [0, 1],
        "duration": 1.3,
        "start": 0.0,
        "is_final": True,
        "speech_final": True,
        "channel": {
            "alternatives": [
                {
                    "transcript": "Hello, Anna.",
                    "confidence": 0.7,
                    "words": [
                        {
                            "word": "hello",
                            "start": 0.4,
                            "end": 0.9,
                            "confidence": 0.9,
                            "punctuated_word": "Hello,",
                        },
                        {"word": "anna", "start": 0.9, "end": 1.2, "confidence": 0.5, "punctuated_word": "Anna."},
                    ],
                }
            ]
        },
        "metadata": METADATA,
        "from_finalize": False,
    }


def test_without_punctuation_the_transcript_is_bare_words() -> None:
    [result] = told(replace(PLAIN, punctuate=False), started(0, 0.2), ended(0, 1.3), HELLO)
    assert transcript(result) == "hello anna"


def test_scripts_without_spaces_are_joined_without() -> None:
    spoken = final(0, ("你", 0.4, 0.6, 0.9), ("好。", 0.6, 0.9, 0.9), language="zh")
    [result] = told(replace(PLAIN, punctuate=False), started(0, 0.2), ended(0, 1.0), spoken)
    assert transcript(result) == "你好"


def test_finals_follow_each_other_without_a_gap() -> None:
    first, second = told(PLAIN, started(0, 0.2), ended(0, 1.3), HELLO, started(1, 3.1), ended(1, 3.7), BYE)
    assert (first["start"], first["duration"]) == (0.0, 1.3)
    assert (second["start"], second["duration"]) == (1.3, 2.5)  # its last word ends behind the speech


def test_interim_results_begin_where_the_last_final_ended_and_wait_for_it() -> None:
    before, first, after = told(
        PLAIN,
        started(0, 0.2),
        partial(0, "Hello,", 0.2, 1.0),
        ended(0, 1.3),
        started(1, 3.1),
        partial(1, "Bye", 3.1, 3.6),
        HELLO,
    )
    assert [m["is_final"] for m in (before, first, after)] == [False, True, False]
    assert [transcript(m) for m in (before, first, after)] == ["Hello,", "Hello, Anna.", "Bye"]
    assert (before["start"], before["duration"]) == (0.0, 1.0)
    assert (after["start"], after["duration"]) == (1.3, 2.3)


def test_words_of_interim_results_fill_the_caption_in_order_and_have_its_confidence() -> None:
    [result] = told(PLAIN, started(0, 1.0), partial(0, "Hello, Anna - dear", 1.0, 2.5))
    words = result["channel"]["alternatives"][0]["words"]
    assert [word["word"] for word in words] == ["hello", "anna", "dear"]
    assert (words[0]["start"], words[-1]["end"]) == (1.0, 2.5)
    assert all(before["end"] == after["start"] for before, after in pairwise(words))
    assert {word["confidence"] for word in words} == {0.7}


@pytest.mark.parametrize(("cause", "flag"), [("silence", True), ("flush", True), ("length", False)])
def test_speech_final_is_an_endpoint_and_no_cut(cause: str, flag: bool) -> None:
    events = (started(0, 0.2), ended(0, 1.3, cause), HELLO)
    assert told(PLAIN, *events)[0]["speech_final"] is flag
    assert told(replace(PLAIN, speech_final=False), *events)[0]["speech_final"] is False


def test_an_utterance_without_words_has_an_empty_final() -> None:
    [result] = told(PLAIN, started(0, 0.2), ended(0, 1.3), final(0))
    assert result["channel"]["alternatives"] == [{"transcript": "", "confidence": 0.0, "words": []}]
    assert (result["is_final"], result["speech_final"], result["duration"]) == (True, True, 1.3)


def test_a_lost_utterance_is_told_and_leaves_no_gap() -> None:
    lost = {"type": "error", "id": "s.0", "code": "decode_failed", "message": "broken"}
    problem, empty, second = told(PLAIN, started(0, 0.2), ended(0, 1.3), lost, started(1, 3.1), ended(1, 3.8), BYE)
    assert problem == {"type": "Error", "variant": "DecodeFailed", "description": "broken"}
    assert (transcript(empty), empty["duration"], second["start"]) == ("", 1.3, 1.3)


def test_words_are_what_stands_between_spaces() -> None:
    spoken = final(0, ("Open", 0.4, 0.6, 0.9), ("-source", 0.6, 0.9, 0.7), ("PBX.", 0.9, 1.2, 0.5))
    spoken["text"] = "Open-source PBX."
    [result] = told(PLAIN, started(0, 0.2), ended(0, 1.3), spoken)
    words = result["channel"]["alternatives"][0]["words"]
    assert [word["punctuated_word"] for word in words] == ["Open-source", "PBX."]
    assert (words[0]["word"], words[0]["start"], words[0]["end"], words[0]["confidence"]) == (
        "open-source",
        0.4,
        0.9,
        0.8,
    )


def test_captions_are_for_those_who_ask() -> None:
    assert told(replace(PLAIN, interim=False), started(0, 0.2), partial(0, "Hello,", 0.2, 1.0)) == []


def test_multi_tells_languages() -> None:
    options = replace(PLAIN, multi=True, hints=("en", "es"))
    [result] = told(options, started(0, 0.2), ended(0, 1.3), HELLO)
    [alternative] = result["channel"]["alternatives"]
    assert (alternative["languages"], alternative["languages_hinted"]) == (["en"], ["en", "es"])
    assert {word["language"] for word in alternative["words"]} == {"en"}


MARK = {"type": "finalize", "heard": 2.0}


class TestFinalize:
    def test_marks_the_final_of_what_was_open(self) -> None:
        [result] = told(PLAIN, started(0, 0.2), ended(0, 1.3, "flush"), MARK, HELLO)
        assert (result["from_finalize"], result["is_final"], transcript(result)) == (True, True, "Hello, Anna.")

    def test_marks_the_last_of_those_that_are_outstanding(self) -> None:
        first, second = told(
            PLAIN, started(0, 0.2), ended(0, 1.3), started(1, 3.1), ended(1, 3.8, "flush"), MARK, HELLO, BYE
        )
        assert (first["from_finalize"], second["from_finalize"]) == (False, True)

    def test_is_answered_by_an_empty_result_where_nothing_was_open(self) -> None:
        first, empty, later = told(
            PLAIN, started(0, 0.2), ended(0, 1.3), HELLO, MARK, started(1, 3.1), ended(1, 3.8), BYE
        )
        assert (first["from_finalize"], empty["from_finalize"], later["from_finalize"]) == (False, True, False)
        assert (transcript(empty), empty["start"], empty["duration"]) == ("", 1.3, 0.7)
        assert later["start"] == 2.0


class TestSpeechStarted:
    OPTIONS = replace(PLAIN, vad_events=True, index=1, total=2)

    def test_is_told_at_once(self) -> None:
        assert told(self.OPTIONS, started(0, 0.2)) == [{"type": "SpeechStarted", "channel": [1, 2], "timestamp": 0.2}]

    def test_is_not_told_where_speech_only_goes_on(self) -> None:
        messages = told(self.OPTIONS, started(0, 0.2), ended(0, 20.0, "length"), started(1, 20.0))
        assert len(messages) == 1

    def test_is_told_to_none_but_those_who_ask(self) -> None:
        assert told(PLAIN, started(0, 0.2)) == []


GAP_TOLD = {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 1.2}


class TestUtteranceEnd:
    OPTIONS = replace(PLAIN, utterance_end_s=1.0)

    def after_hello(self) -> Channel:
        channel = Channel(self.OPTIONS)
        for event in (started(0, 0.2), ended(0, 1.3), HELLO):
            channel.on(event)
        return channel

    def test_comes_once_when_the_gap_is_long_enough(self) -> None:
        channel = self.after_hello()
        assert channel.heard(2.1) == []
        assert channel.heard(2.2) == [GAP_TOLD]
        assert channel.heard(9.0) == []

    def test_comes_behind_the_final_also_when_that_is_late(self) -> None:
        channel = Channel(self.OPTIONS)
        for event in (started(0, 0.2), ended(0, 1.3)):
            channel.on(event)
        assert channel.heard(5.0) == []
        assert [message["type"] for message in channel.on(HELLO)] == ["Results", "UtteranceEnd"]

    def test_waits_while_somebody_speaks_and_is_told_of_the_new_words(self) -> None:
        channel = self.after_hello()
        assert channel.on(started(1, 1.9)) == []
        assert channel.heard(5.0) == []
        channel.on(ended(1, 3.7))
        result, end = channel.on(BYE)
        assert (result["type"], end["last_word_end"]) == ("Results", 3.8)

    def test_a_noise_does_not_hide_the_gap(self) -> None:
        channel = self.after_hello()
        channel.on(started(1, 1.9))
        channel.heard(2.6)
        channel.on(ended(1, 2.1))
        result, end = channel.on(final(1))
        assert (transcript(result), end) == ("", GAP_TOLD)

    def test_audio_that_comes_too_fast_hides_no_gap(self) -> None:
        assert self.after_hello().on(started(1, 3.1)) == [GAP_TOLD]

    def test_the_end_of_the_audio_counts(self) -> None:
        assert self.after_hello().on({"type": "finished", "duration": 4.0}) == [GAP_TOLD]


def test_the_clock_tells_the_audio_in_what_was_acknowledged() -> None:
    clock = AudioClock()
    for number in range(1, 5):
        clock.note(number * 100, number * 0.1)
    assert clock.heard_at(50) == 0.0
    assert clock.heard_at(250) == pytest.approx(0.2)
    assert clock.heard_at(400) == pytest.approx(0.4)
    assert clock.heard_at(400) == pytest.approx(0.4)
