"""The events of one session as the messages of one channel of `/v1/listen`: pure policy."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.gateway.sockets.deepgram.alternatives import (
    bare_text,
    caption_words,
    confidence_of,
    languages_of,
    words_of,
)
from service.log.event_log import Event

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """What the messages of a channel depend on. `index` counts from 0 to `total`; `metadata` is that of Results.

    `hints`: candidates of the language detection with `multi`, told back.
    """

    metadata: Mapping[str, Any]
    index: int = 0
    total: int = 1
    interim: bool = True
    punctuate: bool = False
    multi: bool = False
    hints: tuple[str, ...] = ()
    speech_final: bool = True
    utterance_end_s: float | None = None
    vad_events: bool = False


@dataclass(slots=True)
class _Utterance:
    """One that has started and has no final yet."""

    id: str
    start: float
    end: float | None = None
    cause: str | None = None
    finalized: bool = False


class Channel:
    """Takes the events of a session in order.

    Results follow each other without a gap: each starts where the final before it ended. An utterance that nothing
    was said in has an empty one. Interim results of an utterance wait for the final of the one before.
    """

    def __init__(self, options: ChannelOptions) -> None:
        self._options = options
        self._waiting: deque[_Utterance] = deque()
        self._held: Event | None = None  # the latest caption of an utterance that is not the first that waits
        self._told_to = 0.0  # end of the last final result, in seconds
        self._heard = 0.0
        self._continuing = False  # the next utterance follows without a pause
        self._last_word_end: float | None = None  # None once its UtteranceEnd is told

    def on(self, event: Event) -> list[Message]:
        """The messages that an event of the session's log leads to."""
        kind = event["type"]
        if kind == "speech_started":
            return self._started(event)
        if kind == "partial":
            return self._partial(event)
        if kind == "speech_ended":
            return self._ended(event)
        if kind == "final":
            return [*self._final(event), *self._next()]
        if kind == "error" and "id" in event:
            return [error("DecodeFailed", event["message"]), *self._final(_nothing(event)), *self._next()]
        if kind == "finalize":
            return self._finalize(event)
        return self.heard(event["duration"]) if kind == "finished" else []

    def heard(self, seconds: float) -> list[Message]:
        """Audio was listened to up to here, and all events of it are known."""
        self._heard = max(self._heard, seconds)
        return self._utterance_end()

    def _started(self, event: Event) -> list[Message]:
        ends = self._next_started(event["start"])
        self._waiting.append(_Utterance(event["id"], event["start"]))
        told = self._options.vad_events and not self._continuing
        self._continuing = False
        return [*ends, self._speech_started(event["start"])] if told else ends

    def _next_started(self, start: float) -> list[Message]:
        """A gap that was long enough is told also where audio came too fast to hear of it in time."""
        return self.heard(start) if not self._waiting else []

    def _partial(self, event: Event) -> list[Message]:
        if not self._options.interim:  # a pause that might have been an endpoint leads to a caption in any case
            return []
        if not self._waiting or self._waiting[0].id != event["id"]:
            self._held = event
            return []
        self._held = None
        words = caption_words(event)
        written = (event["committed"] + event["tentative"]).strip()
        return [self._results(words, written, "", max(event["end"], self._told_to), is_final=False)]

    def _ended(self, event: Event) -> list[Message]:
        self._continuing = event["cause"] == "length"
        for utterance in self._waiting:
            if utterance.id == event["id"]:
                utterance.end, utterance.cause = event["end"], event["cause"]
        return []

    def _final(self, event: Event) -> list[Message]:
        utterance = self._waiting.popleft()
        words = words_of(event, multi=self._options.multi)
        ends = [self._told_to, utterance.end or 0.0, *(word["end"] for word in words)]
        speech_final = self._options.speech_final and utterance.cause in ("silence", "flush")
        result = self._results(
            words,
            event["text"],
            event["language"],
            max(ends),
            languages=languages_of([event]),
            speech_final=speech_final,
            from_finalize=utterance.finalized,
        )
        self._told_to = max(ends)
        if words:
            self._last_word_end = words[-1]["end"]
        return [result]

    def _next(self) -> list[Message]:
        """What was held back until the final before it was told."""
        messages = self._utterance_end()
        if self._held and self._waiting and self._waiting[0].id == self._held["id"]:
            messages += self._partial(self._held)
        return messages

    def _finalize(self, event: Event) -> list[Message]:
        """Exactly one result is `from_finalize`: that of the last utterance, or an empty one."""
        self._heard = max(self._heard, event["heard"])
        if self._waiting:
            self._waiting[-1].finalized = True
            return []
        end = max(self._heard, self._told_to)
        result = self._results([], "", "", end, speech_final=self._options.speech_final, from_finalize=True)
        self._told_to = end
        return [result]

    def _utterance_end(self) -> list[Message]:
        """Once per gap: no word followed the last final one for long enough."""
        gap_s, last = self._options.utterance_end_s, self._last_word_end
        if gap_s is None or last is None:
            return []
        quiet_until = self._waiting[0].start if self._waiting else self._heard
        if quiet_until - last < gap_s:
            return []
        self._last_word_end = None
        return [{"type": "UtteranceEnd", "channel": self._channel, "last_word_end": last}]

    @property
    def _channel(self) -> list[int]:
        return [self._options.index, self._options.total]

    def _speech_started(self, at: float) -> Message:
        return {"type": "SpeechStarted", "channel": self._channel, "timestamp": at}

    def _results(
        self,
        words: Sequence[Message],
        written: str,
        language: str,
        end: float,
        *,
        languages: Sequence[str] = (),
        is_final: bool = True,
        speech_final: bool = False,
        from_finalize: bool = False,
    ) -> Message:
        options = self._options
        alternative: Message = {
            "transcript": written if options.punctuate else bare_text(words, language),
            "confidence": confidence_of(words),
            "words": list(words),
        }
        if options.multi:
            alternative |= {"languages": list(languages), "languages_hinted": list(options.hints)}
        return {
            "type": "Results",
            "channel_index": self._channel,
            "duration": round(end - self._told_to, 3),
            "start": round(self._told_to, 3),
            "is_final": is_final,
            "speech_final": speech_final,
            "channel": {"alternatives": [alternative]},
            "metadata": dict(options.metadata),
            "from_finalize": from_finalize,
        }


def error(variant: str, description: str, message: str | None = None) -> Message:
    told: Message = {"type": "Error", "variant": variant, "description": description}
    return told if message is None else told | {"message": message}


def _nothing(event: Event) -> Event:
    """The empty final in the place of one that failed."""
    return {"id": event["id"], "text": "", "words": [], "language": ""}
