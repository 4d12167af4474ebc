"""From the event log of a stream to the server events of the Realtime API: a pure state machine.

An item is what one commit takes from the input buffer: a turn that voice activity ended, or what came between two
commits of the client. It may hold several utterances of the stream (one of any length is cut for the decoder), whose
texts are joined. Items are committed and completed in order, as the log has their utterances in order.

    speech_started ─▶ item opens ─▶ delta … ─▶ committed, added, done ─▶ delta … ─▶ completed
"""

import secrets
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from service.gateway.rest.transcription import separator
from service.log.event_log import Event

TRANSCRIPTION = "conversation.item.input_audio_transcription"


def new_item_id() -> str:
    return f"item_{secrets.token_hex(10)}"


@dataclass(slots=True)
class _Item:
    """`waiting`: utterances whose finals are outstanding; `sent`: what of the transcript went out as deltas."""

    id: str = field(default_factory=new_item_id)
    start_s: float = 0.0
    end_s: float = 0.0
    waiting: set[str] = field(default_factory=set)
    text: str = ""
    sent: str = ""
    finals: list[Event] = field(default_factory=list)
    error: Event | None = None


class Conversation:
    """`turns`: whether voice activity commits. Events go in as the log has them, `on` gives what the client is sent."""

    def __init__(self, *, turns: bool, logprobs: bool) -> None:
        self.turns = turns
        self.logprobs = logprobs
        self.committed_s = 0.0  # where the input buffer begins, in seconds of the stream
        self._open: _Item | None = None
        self._closed: deque[_Item] = deque()
        self._item_of: dict[str, _Item | None] = {}  # by utterance; None: its audio was cleared
        self._previous: str | None = None

    @property
    def quiet_since_s(self) -> float | None:
        """Where the silence began in which nothing is said and nothing is buffered; None while an item is open."""
        return None if self._open else self.committed_s

    def on(self, event: Event) -> Iterator[dict[str, Any]]:
        """The messages that an event of the log brings about, without their ids."""
        match event["type"]:
            case "speech_started":
                yield from self._started(event["id"], event["start"])
            case "partial":
                yield from self._spoken(event["id"], event["committed"])
            case "speech_ended":
                yield from self._ended(event["id"], event["end"], event["cause"])
            case "final":
                yield from self._final(event)
            case "error" if "id" in event:
                yield from self._failed(event)
            case "commit":
                yield from self._commit(event["at"])
            case "clear":
                yield from self._clear(event["at"])
            case "idle":
                yield from self._idle(event["since"], event["at"])

    def _started(self, utterance: str, start_s: float) -> Iterator[dict[str, Any]]:
        if self._open is None:
            self._open = _Item(start_s=start_s)
            if self.turns:
                yield {
                    "type": "input_audio_buffer.speech_started",
                    "audio_start_ms": round(start_s * 1000),
                    "item_id": self._open.id,
                }
        self._open.waiting.add(utterance)
        self._item_of[utterance] = self._open

    def _ended(self, utterance: str, end_s: float, cause: str) -> Iterator[dict[str, Any]]:
        item = self._item_of[utterance]
        # one that is cut for its length goes on; for one that was flushed, the client's own commit or clear follows
        if item is None or not self.turns or cause != "silence":
            return
        yield {
            "type": "input_audio_buffer.speech_stopped",
            "audio_end_ms": round(end_s * 1000),
            "item_id": item.id,
        }
        yield from self._commit(end_s)

    def _commit(self, at_s: float) -> Iterator[dict[str, Any]]:
        item, self._open = self._open or _Item(start_s=self.committed_s), None
        item.end_s = self.committed_s = at_s
        link = {"previous_item_id": self._previous}
        self._previous = item.id
        yield {"type": "input_audio_buffer.committed", "item_id": item.id} | link
        message = {
            "id": item.id,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        yield {"type": "conversation.item.added", "item": message} | link
        yield {"type": "conversation.item.done", "item": message} | link
        self._closed.append(item)
        yield from self._complete()

    def _clear(self, at_s: float) -> Iterator[dict[str, Any]]:
        if self._open:
            self._item_of |= dict.fromkeys(self._open.waiting)
            self._open = None
        self.committed_s = at_s
        yield {"type": "input_audio_buffer.cleared"}

    def _idle(self, since_s: float, at_s: float) -> Iterator[dict[str, Any]]:
        """Nothing was said for as long as the session's idle timeout; an empty item says so."""
        if self._open:
            return
        self._open = _Item(start_s=since_s)
        yield {
            "type": "input_audio_buffer.timeout_triggered",
            "audio_start_ms": round(since_s * 1000),
            "audio_end_ms": round(at_s * 1000),
            "item_id": self._open.id,
        }
        yield from self._commit(at_s)

    def _spoken(self, utterance: str, committed: str) -> Iterator[dict[str, Any]]:
        """Only committed words go out: what a delta has said stands."""
        if (item := self._item_of[utterance]) and committed:
            yield from self._delta(item, item.text + _between(item) + committed)

    def _final(self, final: Event) -> Iterator[dict[str, Any]]:
        item = self._item_of.pop(final["id"])
        if item is None:
            return
        item.waiting.remove(final["id"])
        if final["text"]:
            item.text += separator(item.text, final["language"]) + final["text"]
            item.finals.append(final)
            yield from self._delta(item, item.text, final.get("logprobs"))
        yield from self._complete()

    def _failed(self, error: Event) -> Iterator[dict[str, Any]]:
        item = self._item_of.pop(error["id"])
        if item:
            item.waiting.remove(error["id"])
            item.error = error
            yield from self._complete()

    def _delta(self, item: _Item, said: str, logprobs: list[dict[str, Any]] | None = None) -> Iterator[dict[str, Any]]:
        delta = said[len(item.sent) :]
        if delta:
            item.sent = said
            told = {"logprobs": _of_the_end(logprobs, delta)} if self.logprobs and logprobs else {}
            yield {"type": f"{TRANSCRIPTION}.delta", "item_id": item.id, "content_index": 0, "delta": delta} | told

    def _complete(self) -> Iterator[dict[str, Any]]:
        """Transcripts of items whose utterances are all final, in the order of their commits."""
        while self._closed and not self._closed[0].waiting:
            item = self._closed.popleft()
            place = {"item_id": item.id, "content_index": 0}
            if item.error:
                body = {"type": "server_error", "code": item.error["code"], "message": item.error["message"]}
                yield {"type": f"{TRANSCRIPTION}.failed"} | place | {"error": body | {"param": None}}
                continue
            yield {"type": f"{TRANSCRIPTION}.completed"} | place | self._result(item)

    def _result(self, item: _Item) -> dict[str, Any]:
        """The fields of `completed`; those from `words` on are Sotto's own."""
        words: list[dict[str, Any]] = []
        bias: list[dict[str, Any]] = []
        for final in item.finals:
            bias += [match | {"first_word": len(words) + match["first_word"]} for match in final["bias"]]
            words += final["words"]
        languages = dict.fromkeys(final["language"] for final in item.finals)
        logprobs = [each for final in item.finals for each in final.get("logprobs", ())]
        return {
            "transcript": item.text,
            "usage": {"type": "duration", "seconds": round(max(0.0, item.end_s - item.start_s), 3)},
            "logprobs": logprobs if self.logprobs else None,
            "languages": [{"code": code} for code in languages],
            "words": words,
            "bias": bias,
        }


def _between(item: _Item) -> str:
    """What stands between the item's finals and the caption of its open utterance."""
    return separator(item.text, item.finals[-1]["language"]) if item.finals else ""


def _of_the_end(logprobs: list[dict[str, Any]], delta: str) -> list[dict[str, Any]]:
    """The tokens at the end of a final that spell `delta`."""
    left = len(delta.encode())
    first = len(logprobs)
    while left > 0 and first > 0:
        first -= 1
        left -= len(logprobs[first]["bytes"])
    return logprobs[first:]
