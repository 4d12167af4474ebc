"""The transcript of a recording in the shape that Deepgram answers with: pure formatting."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.gateway.rest.transcription import SENTENCE_ENDS, Transcription, separator
from service.gateway.sockets.deepgram.alternatives import (
    bare_text,
    confidence_of,
    languages_of,
    model_info,
    model_uuid,
    rfc3339,
    words_of,
)
from service.gateway.sockets.deepgram.query import RecordedQuery

PARAGRAPH_SENTENCES = 5
PARAGRAPH_PAUSE_S = 2.0

Word = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listened:
    """What is told of a request: its recording, and who transcribed it when."""

    request_id: str
    sha256: str
    created: datetime
    model: str


def as_response(heard: Listened, channels: Sequence[Transcription], query: RecordedQuery) -> dict[str, Any]:
    """`channels`: the transcription of each channel, or of all mixed."""
    uuid_ = model_uuid(heard.model)
    metadata: dict[str, Any] = {
        "transaction_key": "deprecated",
        "request_id": heard.request_id,
        "sha256": heard.sha256,
        "created": rfc3339(heard.created),
        "duration": max(channel.duration for channel in channels),
        "channels": len(channels),
        "models": [uuid_],
        "model_info": {uuid_: model_info(heard.model)},
    }
    if query.tags:
        metadata["tags"] = list(query.tags)
    if query.asked.extra:
        metadata["extra"] = dict(query.asked.extra)
    results: dict[str, Any] = {"channels": [_channel(channel, query) for channel in channels]}
    if query.utterances:
        results["utterances"] = sorted(
            (each for index, channel in enumerate(channels) for each in _utterances(index, channel, query)),
            key=lambda utterance: utterance["start"],
        )
    return {"metadata": metadata, "results": results}


def _channel(heard: Transcription, query: RecordedQuery) -> dict[str, Any]:
    words = _words(heard, query)
    language = heard.language or ""
    alternative: dict[str, Any] = {
        "transcript": heard.text if query.asked.punctuate else bare_text(words, language),
        "confidence": confidence_of(words),
        "words": words,
    }
    if query.asked.multi:
        alternative |= {"languages": languages_of(heard.finals), "languages_hinted": list(query.asked.languages)}
    if query.paragraphs:
        alternative["paragraphs"] = paragraphs_of(words, language)
    detected = {"detected_language": language} if query.asked.detects and language else {}
    return {"alternatives": [alternative]} | detected


def _words(heard: Transcription, query: RecordedQuery) -> list[Word]:
    return [word for final in heard.finals for word in words_of(final, multi=query.asked.multi)]


def _utterances(index: int, heard: Transcription, query: RecordedQuery) -> list[dict[str, Any]]:
    """Words up to a pause of `utt_split`."""
    language = heard.language or ""
    found = []
    for words in split_at(_words(heard, query), query.utt_split_s):
        utterance = {
            "start": words[0]["start"],
            "end": words[-1]["end"],
            "confidence": confidence_of(words),
            "channel": index,
            "transcript": written(words, language) if query.asked.punctuate else bare_text(words, language),
            "words": words,
            "id": str(uuid.uuid4()),
        }
        if query.asked.multi:
            utterance["languages"] = list(dict.fromkeys(word["language"] for word in words))
        found.append(utterance)
    return found


def split_at(words: Sequence[Word], pause_s: float) -> list[list[Word]]:
    """Words in groups between which nothing was said for so long."""
    groups: list[list[Word]] = []
    for word in words:
        if groups and word["start"] - groups[-1][-1]["end"] < pause_s:
            groups[-1].append(word)
        else:
            groups.append([word])
    return groups


def written(words: Sequence[Mapping[str, Any]], language: str) -> str:
    text = ""
    for word in words:
        text += separator(text, language) + word["punctuated_word"]
    return text


def paragraphs_of(words: Sequence[Word], language: str) -> dict[str, Any]:
    """Sentences in paragraphs, which end at a pause, or after some sentences."""
    paragraphs: list[list[list[Word]]] = []
    for spoken in split_at(words, PARAGRAPH_PAUSE_S):
        sentences = _sentences(spoken)
        paragraphs += [sentences[at : at + PARAGRAPH_SENTENCES] for at in range(0, len(sentences), PARAGRAPH_SENTENCES)]
    shown = [
        {
            "sentences": [
                {"text": written(sentence, language), "start": sentence[0]["start"], "end": sentence[-1]["end"]}
                for sentence in paragraph
            ],
            "num_words": sum(map(len, paragraph)),
            "start": paragraph[0][0]["start"],
            "end": paragraph[-1][-1]["end"],
        }
        for paragraph in paragraphs
    ]
    texts = [written([word for sentence in paragraph for word in sentence], language) for paragraph in paragraphs]
    return {"transcript": "\n" + "\n\n".join(texts), "paragraphs": shown}


def _sentences(words: Sequence[Word]) -> list[list[Word]]:
    sentences: list[list[Word]] = [[]]
    for word in words:
        sentences[-1].append(word)
        if word["punctuated_word"].endswith(SENTENCE_ENDS):
            sentences.append([])
    return [sentence for sentence in sentences if sentence]
