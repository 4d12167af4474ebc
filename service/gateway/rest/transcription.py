"""The transcript of a whole recording in the shapes that OpenAI's API answers with."""

import math
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from service.gateway.recording import Task
from service.gateway.rest.language_names import LANGUAGE_NAMES
from service.log.event_log import Event

UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})  # scripts written without spaces between words
CUE_CHARS = 84  # two lines of subtitles
CUE_S = 7.0
SENTENCE_ENDS = (".", "?", "!", "。", "？", "！")


@dataclass(frozen=True, slots=True)
class Transcription:
    """All finals of a recording, in order, its duration in seconds, and what was done to bias it, if that was asked."""

    finals: tuple[Event, ...]
    duration: float
    bias_report: dict[str, Any] | None = None
    task: Task = "transcribe"

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of what was spoken, that of most of the text first."""
        spoken: Counter[str] = Counter()
        for final in self.finals:
            spoken[final["language"]] += len(final["text"])
        return tuple(language for language, _ in spoken.most_common())

    @property
    def language(self) -> str | None:
        """The language of the text, or of most of it; None when nothing was said."""
        return next((written_language(language, self.task) for language in self.languages), None)

    @property
    def text(self) -> str:
        joined = ""
        for final in self.finals:
            joined += separator(joined, written_language(final["language"], self.task)) + final["text"]
        return joined

    @property
    def words(self) -> list[dict[str, Any]]:
        return [word for final in self.finals for word in final["words"]]

    @property
    def logprobs(self) -> list[dict[str, Any]]:
        return [token for final in self.finals for token in final["logprobs"]]

    @property
    def bias(self) -> dict[str, Any]:
        """The report with all matches, counted in the words of the whole, as a field of the answer, if it is one."""
        if self.bias_report is None:
            return {}
        matches, words_before = [], 0
        for final in self.finals:
            matches += [match | {"first_word": words_before + match["first_word"]} for match in final["bias"]]
            words_before += len(final["words"])
        return {"bias": self.bias_report | {"matches": matches}}


async def collect(
    events: AsyncIterator[Event], *, bias_report: dict[str, Any] | None = None, task: Task = "transcribe"
) -> Transcription:
    """The events of a recording, to their end."""
    finals: list[Event] = []
    async for event in events:
        if event["type"] == "finished":
            return Transcription(tuple(finals), event["duration"], bias_report, task)
        finals.append(event)
    raise AssertionError("a recording ends with `finished` or an error")


def written_language(spoken: str, task: Task) -> str:
    """The language of the text of what was spoken: Whisper translates to English only."""
    return "en" if task == "translate" else spoken


def separator(before: str, language: str) -> str:
    """What stands between the text so far and the next utterance."""
    return "" if not before or language in UNSPACED else " "


def as_json(transcription: Transcription, *, logprobs: bool = False) -> dict[str, Any]:
    """OpenAI's json. `logprobs`: those of all tokens, for finals that tell them."""
    body: dict[str, Any] = {"text": transcription.text, "usage": usage(transcription.duration)}
    if transcription.task == "transcribe":
        body["languages"] = [{"code": code} for code in transcription.languages]
    if logprobs:
        body["logprobs"] = transcription.logprobs
    return body | transcription.bias


def usage(duration_s: float) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(duration_s)}


def as_verbose_json(transcription: Transcription, *, words: bool, segments: bool) -> dict[str, Any]:
    """OpenAI's verbose_json, which names the language in English. Beyond its fields are `language_code`, and of words
    and segments the `confidence` in 0..1."""
    code = transcription.language
    body: dict[str, Any] = {
        "task": transcription.task,
        "language": LANGUAGE_NAMES.get(code, code) if code else "",
        "language_code": code,
        "duration": transcription.duration,
        "text": transcription.text,
        "usage": usage(transcription.duration),
    }
    if words:
        body["words"] = transcription.words
    if segments:
        body["segments"] = [segment(i, final) for i, final in enumerate(transcription.finals)]
    return body | transcription.bias


def segment(number: int, final: Event) -> dict[str, Any]:
    """One utterance as a segment."""
    decode = final["decode"]
    return {
        "id": number,
        "seek": int(final["start"] * 100),
        "start": final["start"],
        "end": final["end"],
        "text": final["text"],
        "tokens": decode["tokens"],
        "temperature": decode["temperature"],
        "avg_logprob": decode["avg_logprob"],
        "compression_ratio": decode["compression_ratio"],
        "no_speech_prob": decode["no_speech_prob"],
        "confidence": round(math.exp(min(0.0, decode["avg_logprob"])), 4),
    }


@dataclass(frozen=True, slots=True)
class Cue:
    start: float
    end: float
    text: str


def cues(finals: Sequence[Event]) -> list[Cue]:
    """Subtitle cues: an utterance is broken at a sentence end, or where it grows too long to read."""
    found: list[Cue] = []
    for final in finals:
        placed: list[_Placed] = []
        for word in _placed(final):
            if placed and _is_full(placed, word):
                found.append(_cue(final, placed))
                placed = []
            placed.append(word)
        if placed:
            found.append(_cue(final, placed))
    return found


@dataclass(frozen=True, slots=True)
class _Placed:
    """A word, and the characters of the utterance's text in which it stands."""

    word: dict[str, Any]
    first: int
    after: int


def _placed(final: Event) -> list[_Placed]:
    placed, at = [], 0
    for word in final["words"]:
        first = final["text"].index(word["word"], at)
        at = first + len(word["word"])
        placed.append(_Placed(word, first, at))
    return placed


def _is_full(cue: list[_Placed], following: _Placed) -> bool:
    first, last = cue[0], cue[-1]
    chars = last.after - first.first
    too_long = following.after - first.first > CUE_CHARS or following.word["end"] - first.word["start"] > CUE_S
    return too_long or (last.word["word"].endswith(SENTENCE_ENDS) and chars > CUE_CHARS // 3)


def _cue(final: Event, placed: list[_Placed]) -> Cue:
    first, last = placed[0], placed[-1]
    return Cue(first.word["start"], last.word["end"], final["text"][first.first : last.after])


def as_srt(transcription: Transcription) -> str:
    return "".join(
        f"{i}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{cue.text}\n\n"
        for i, cue in enumerate(cues(transcription.finals), 1)
    )


def as_vtt(transcription: Transcription) -> str:
    return "WEBVTT\n\n" + "".join(
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{cue.text}\n\n" for cue in cues(transcription.finals)
    )


def _clock(seconds: float, mark: str) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{mark}{ms % 1000:03}"
