"""Transcripts as Deepgram writes them: words, alternatives, the card of a model. Pure."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from service import __version__
from service.gateway.rest.transcription import UNSPACED, separator
from service.log.event_log import Event

PUNCTUATION = ".,!?;:…\"“”„«»()[]{}¿¡-–—。，！？；：、「」『』'‘’"
MODEL_NAMESPACE = uuid.UUID("6f0a1f0e-3c0b-4b53-9d4f-0d7c1b1f7a52")

# names that Deepgram's SDKs send, which mean the default where no worker serves a model of that name
MODELS = frozenset(
    {
        *("nova-3", "nova-3-general", "nova-3-medical"),
        *("nova-2", "nova-2-general", "nova-2-meeting", "nova-2-finance", "nova-2-conversationalai"),
        *("nova-2-voicemail", "nova-2-video", "nova-2-medical", "nova-2-drivethru", "nova-2-automotive"),
        *("nova", "nova-general", "nova-phonecall", "nova-medical"),
        *("enhanced", "enhanced-general", "enhanced-meeting", "enhanced-phonecall", "enhanced-finance"),
        *("base", "general", "meeting", "phonecall", "finance", "conversationalai", "voicemail", "video", "custom"),
    }
)


def model_uuid(model: str) -> str:
    """The same for one model on every server."""
    return str(uuid.uuid5(MODEL_NAMESPACE, model))


def model_info(model: str) -> dict[str, str]:
    return {"name": model, "version": __version__, "arch": "whisper"}


def words_of(final: Event, *, multi: bool) -> list[dict[str, Any]]:
    """The words of a final: `word` bare and in lower case, `punctuated_word` as it is written.

    With `multi` each tells its language. What is nothing but punctuation is no word.
    """
    language = {"language": final["language"]} if multi else {}
    return [
        {
            "word": bare,
            "start": parts[0]["start"],
            "end": parts[-1]["end"],
            "confidence": confidence_of(parts),
            "punctuated_word": written,
        }
        | language
        for parts in _spaced(final)
        if (bare := bare_word(written := "".join(part["word"] for part in parts)))
    ]


def _spaced(final: Event) -> list[list[dict[str, Any]]]:
    """The words as the text puts spaces between them: Whisper's `open` and `-source` are one. Scripts without spaces
    keep Whisper's."""
    text, at = final["text"], 0
    found: list[list[dict[str, Any]]] = []
    for word in final["words"]:
        start = text.index(word["word"], at)
        if found and start == at and final["language"] not in UNSPACED:
            found[-1].append(word)
        else:
            found.append([word])
        at = start + len(word["word"])
    return found


def bare_word(written: str) -> str:
    return written.strip(PUNCTUATION).lower()


def caption_words(partial: Event) -> list[dict[str, Any]]:
    """The words of a caption, which has no times of its own: spread over its span by their lengths, each with the
    confidence of the whole."""
    written = [word for word in (partial["committed"] + partial["tentative"]).split() if bare_word(word)]
    per_character = (partial["end"] - partial["start"]) / max(1, sum(map(len, written)))
    words, at = [], partial["start"]
    for word in written:
        end = at + len(word) * per_character
        words.append(
            {
                "word": bare_word(word),
                "start": round(at, 3),
                "end": round(end, 3),
                "confidence": partial["confidence"],
                "punctuated_word": word,
            }
        )
        at = end
    return words


def bare_text(words: Sequence[dict[str, Any]], language: str) -> str:
    """Words as a transcript without punctuation."""
    text = ""
    for word in words:
        text += separator(text, language) + word["word"]
    return text


def confidence_of(words: Sequence[dict[str, Any]]) -> float:
    """The mean probability of the words, 0 where there is none."""
    return round(sum(word["confidence"] for word in words) / len(words), 4) if words else 0.0


def languages_of(finals: Sequence[Event]) -> list[str]:
    """The languages that were spoken, those of most words first."""
    counts: dict[str, int] = {}
    for final in finals:
        counts[final["language"]] = counts.get(final["language"], 0) + len(final["words"])
    return sorted((language for language, count in counts.items() if count), key=lambda each: -counts[each])


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds, as Deepgram writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
