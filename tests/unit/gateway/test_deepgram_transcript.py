"""Recordings in Deepgram's shape: words, utterances, paragraphs."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from service.gateway.rest.listen_transcript import Listened, as_response, paragraphs_of, split_at
from service.gateway.rest.transcription import Transcription
from service.gateway.sockets.deepgram.query import Asked, RecordedQuery

HEARD = Listened("r", "s", datetime(2026, 11, 21, 10, 0, 0, 123_456, UTC), "base")
PLAIN = RecordedQuery(Asked(punctuate=True))


def transcription(*sentences: tuple[float, str], language: str = "en") -> Transcription:
    """Sentences that begin at a time, half a second to a word."""
    finals: list[dict[str, Any]] = []
    for start, sentence in sentences:
        words = [
            {"word": word, "start": start + i / 2, "end": start + (i + 1) / 2, "confidence": 0.5}
            for i, word in enumerate(sentence.split())
        ]
        finals.append({"text": sentence, "language": language, "words": words})
    return Transcription(tuple(finals), 20.0)


def words(count: int, *, every: float = 0.5, sentence: int = 3) -> list[dict[str, Any]]:
    return [
        {
            "word": "a",
            "punctuated_word": "a." if i % sentence == sentence - 1 else "a",
            "start": i * every,
            "end": i * every + 0.5,
            "confidence": 0.5,
        }
        for i in range(count)
    ]


def test_metadata_and_channels() -> None:
    body = as_response(HEARD, [transcription((0, "Hello, Anna.")), transcription((1, "Bye."))], PLAIN)
    assert body["metadata"]["created"] == "2026-11-21T10:00:00.123Z"
    assert (body["metadata"]["channels"], body["metadata"]["duration"]) == (2, 20.0)
    one, other = body["results"]["channels"]
    assert one.keys() == {"alternatives"}
    assert one["alternatives"][0]["transcript"] == "Hello, Anna."
    assert other["alternatives"][0]["words"][0]["word"] == "bye"
    assert body["results"].keys() == {"channels"}


def test_silence_has_an_empty_alternative() -> None:
    body = as_response(HEARD, [transcription()], replace(PLAIN, utterances=True, paragraphs=True))
    [alternative] = body["results"]["channels"][0]["alternatives"]
    assert (alternative["transcript"], alternative["confidence"], alternative["words"]) == ("", 0.0, [])
    assert (alternative["paragraphs"]["paragraphs"], body["results"]["utterances"]) == ([], [])


def test_detection_tells_one_language_and_multi_tells_all() -> None:
    mixed = Transcription(
        (*transcription((0, "Hello, Anna.")).finals, *transcription((3, "Hola."), language="es").finals), 9
    )
    detected = as_response(HEARD, [mixed], replace(PLAIN, asked=Asked(language=None)))["results"]["channels"][0]
    assert (detected["detected_language"], "languages" in detected["alternatives"][0]) == ("en", False)
    query = replace(PLAIN, asked=Asked(language=None, multi=True, punctuate=True), utterances=True)
    results = as_response(HEARD, [mixed], query)["results"]
    [channel] = results["channels"]
    assert ("detected_language" in channel, channel["alternatives"][0]["languages"]) == (False, ["en", "es"])
    assert [each["languages"] for each in results["utterances"]] == [["en"], ["es"]]


def test_utterances_of_all_channels_come_by_their_starts() -> None:
    channels = [transcription((0, "One."), (4, "Three.")), transcription((2, "Two."))]
    told = as_response(HEARD, channels, replace(PLAIN, utterances=True))["results"]["utterances"]
    assert [(each["transcript"], each["channel"]) for each in told] == [("One.", 0), ("Two.", 1), ("Three.", 0)]
    assert len({each["id"] for each in told}) == 3


def test_words_are_split_at_pauses_of_at_least_that_length() -> None:
    spoken = [*words(2), *({**word, "start": word["start"] + 1.8, "end": word["end"] + 1.8} for word in words(2))]
    assert [len(group) for group in split_at(spoken, 0.8)] == [2, 2]
    assert [len(group) for group in split_at(spoken, 0.81)] == [4]


def test_paragraphs_end_at_pauses_and_after_some_sentences() -> None:
    told = paragraphs_of(words(18), "en")
    assert [len(each["sentences"]) for each in told["paragraphs"]] == [5, 1]
    assert [each["num_words"] for each in told["paragraphs"]] == [15, 3]
    assert told["transcript"] == "\n" + " ".join(["a a a."] * 5) + "\n\na a a."
    assert len(paragraphs_of(words(4, every=4), "en")["paragraphs"]) == 4
