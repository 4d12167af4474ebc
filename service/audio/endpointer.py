"""Where utterances start and end: a state machine over voice activity probabilities.

Positions are samples at 16 kHz since the stream's first sample. The hysteresis (speech begins at `threshold`, ends
below `threshold` - 0.15) and the counting of silence from the last speech frame follow Silero's `VADIterator`; dropping
false starts before anyone hears of them, packing, and the way long utterances are cut are our own.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import msgpack
import numpy as np

from service.audio.vad import FRAME, Floats, Pcm, SileroVad, VadState
from service.errors import BadRequest
from service.transcript import SAMPLE_RATE

_MS = SAMPLE_RATE // 1000  # samples per millisecond
_HYSTERESIS = 0.15
_FALSE_START = 320 * _MS  # silence that drops a start not yet confirmed
_HANGOVER = FRAME  # by which Silero's probability outlasts speech (median 35 ms on 59 labelled ends)
_TRAIL = 256 * _MS  # silence kept after the last speech: Silero drops soft word ends
_SOFT_LIMIT = 0.6  # share of max_utterance_ms after which shorter and shorter pauses end the utterance
_LEAST_PAUSE = 96 * _MS  # pause that ends an utterance about to reach its limit
_CUT_FROM = 94  # frames before the limit in which the cut is looked for: 3 s
_CUT_TO = 16  # frames before the limit that stay with the next utterance: 0.5 s
_CUT_WIDTH = 5  # frames averaged: a gap between words is longer than the closure of a stop
_CUT_FLOOR = 0.05  # least weight of a probability, so that levels count also where nothing is speech

_RANGES: dict[str, tuple[float, float]] = {
    "threshold": (0.2, 0.95),
    "min_speech_ms": (32, 2_000),
    "silence_ms": (100, 10_000),
    "preroll_ms": (0, 2_000),
    "max_utterance_ms": (5_000, 26_000),
    "min_utterance_ms": (0, 20_000),
    "packing_silence_ms": (100, 10_000),
}


@dataclass(frozen=True, slots=True)
class EndpointerOptions:
    """How speech is told from silence. Raises BadRequest naming `endpointing.<option>` when a value is out of range.

    `threshold`: probability at which speech begins. `min_speech_ms`: speech to hear before an utterance counts.
    `silence_ms`: silence that ends an utterance. `preroll_ms`: audio kept before the first speech.
    `max_utterance_ms`: hard limit; from 60 % of it on shorter pauses end the utterance, and at the limit it is cut
    where the last 3 s are quietest. While an utterance is shorter than `min_utterance_ms`, only `packing_silence_ms`
    of silence ends it: recordings are packed into windows this way.
    """

    threshold: float = 0.5
    min_speech_ms: int = 96
    silence_ms: int = 500
    preroll_ms: int = 300
    max_utterance_ms: int = 20_000
    min_utterance_ms: int = 0
    packing_silence_ms: int = 1_000

    OFFLINE: ClassVar["EndpointerOptions"]

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value: Any = getattr(self, name)
            kinds = (int, float) if name == "threshold" else (int,)
            if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
                kind = "number" if name == "threshold" else "whole number"
                raise BadRequest(f"{name} must be a {kind} from {low} to {high}", field=f"endpointing.{name}")
        if self.min_utterance_ms >= self.max_utterance_ms:
            raise BadRequest("min_utterance_ms must be below max_utterance_ms", field="endpointing.min_utterance_ms")

    def stored(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _RANGES}

    def near(self, **wanted: float | None) -> "EndpointerOptions":
        """These options changed as near to what is wanted as the ranges allow; None leaves what there is."""
        changes: dict[str, Any] = {}
        for name, value in wanted.items():
            if value is not None:
                low, high = _RANGES[name]
                changes[name] = type(getattr(self, name))(min(max(value, low), high))
        return replace(self, **changes)

    def silence_to_end(self, length: int) -> float:
        """Samples of silence that end an utterance `length` samples long."""
        if length < self.min_utterance_ms * _MS:
            return max(self.packing_silence_ms, self.silence_ms) * _MS
        hard = self.max_utterance_ms * _MS
        soft = _SOFT_LIMIT * hard
        spent = min(max((length - soft) / (hard - soft), 0.0), 1.0)
        silence = self.silence_ms * _MS
        return silence - spent * max(silence - _LEAST_PAUSE, 0)


# For recordings, where nobody waits for an utterance to end. Very short utterances are joined; joining up to 10 s or
# more costs a CPU 10 to 20 % of its throughput, as the encoder is cheapest in windows of 7 to 15 s.
EndpointerOptions.OFFLINE = EndpointerOptions(threshold=0.4, max_utterance_ms=26_000, min_utterance_ms=6_000)


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech was heard; `start` includes the pre-roll and never lies before the end of the previous utterance."""

    utterance: int
    start: int


Cause = Literal["silence", "length", "flush"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The utterance [start, end) is complete; speech itself stopped at `speech_end`.

    `cause`: silence was heard, the utterance had grown to its limit (the next one follows at once), or `flush`.
    """

    utterance: int
    start: int
    end: int
    speech_end: int
    cause: Cause = "silence"


@dataclass(frozen=True, slots=True)
class Pause:
    """Speech has paused; if the pause goes on, the endpoint will be exactly this: worth decoding meanwhile."""

    utterance: int
    start: int
    end: int
    speech_end: int


Mark = SpeechStarted | Pause | Endpoint


@dataclass(slots=True)
class _Utterance:
    """Speech being followed: a mere candidate until enough of it was heard."""

    start: int  # sample, pre-roll included
    voiced: int  # frames of speech
    speaking: bool  # not in a pause
    speech_end: int  # sample after the last frame of speech
    confirmed: bool = False

    def stored(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class Endpointer:
    """One stream's endpointer. Not thread-safe: one stream is fed by one caller at a time."""

    def __init__(self, vad: SileroVad, options: EndpointerOptions) -> None:
        self._vad = vad
        self._vad_state = VadState()
        self._options = options  # of the utterance being followed
        self._next_options = options
        self._frames = 0  # classified so far
        self._number = 0  # of the utterance that is open or will open next
        self._earliest = 0  # sample: end of the last utterance
        self._current: _Utterance | None = None
        self._loudness: Floats = np.zeros(0, np.float32)  # speech-weighted level of the last 3 s of frames

    @property
    def samples(self) -> int:
        """Samples fed since the stream began."""
        return self._frames * FRAME + len(self._vad_state.leftover)

    @property
    def open_utterance(self) -> tuple[int, int] | None:
        """(utterance, start) of the utterance that has started and not ended."""
        if self._current is None or not self._current.confirmed:
            return None
        return self._number, self._current.start

    @property
    def in_speech(self) -> bool:
        """Whether speech was going on in the last frame of an open utterance."""
        return self._current is not None and self._current.confirmed and self._current.speaking

    def configure(self, options: EndpointerOptions) -> None:
        """Takes effect with the next utterance."""
        self._next_options = options
        if self._current is None:
            self._options = options

    @property
    def vad_state(self) -> VadState:
        """Where voice activity detection stands, for a caller that detects for many streams at once."""
        return self._vad_state

    def feed(self, pcm: Pcm) -> list[Mark]:
        """Marks decided by `pcm`: int16 [samples], 16 kHz mono, any length."""
        return self.judge(pcm, *self._vad.feed(self._vad_state, pcm))

    def judge(self, pcm: Pcm, probabilities: Floats, after: VadState) -> list[Mark]:
        """The same with what was detected in `pcm` already: what the detector gave for it and `vad_state`."""
        waiting = np.concatenate((self._vad_state.leftover, pcm))
        self._vad_state = after
        if not len(probabilities):
            return []
        frames = waiting[: len(probabilities) * FRAME].reshape(-1, FRAME).astype(np.float32)
        levels = np.sqrt(np.einsum("fs,fs->f", frames, frames) / FRAME)
        loudness = levels * np.maximum(probabilities, _CUT_FLOOR)
        before = len(self._loudness)
        heard = np.concatenate((self._loudness, loudness))
        marks: list[Mark] = []
        for index, probability in enumerate(probabilities.tolist(), start=before + 1):
            self._frames += 1
            marks += self._step(probability, heard, index)
        self._loudness = heard[-_CUT_FROM:].copy()
        return marks

    def flush(self) -> list[Mark]:
        """Ends the utterance now, with everything fed; a start is believed on half of `min_speech_ms`."""
        current = self._current
        if current is None:
            return []
        if not current.confirmed and (not current.speaking or current.voiced < math.ceil(self._min_voiced / 2)):
            self._forget()
            return []
        marks: list[Mark] = []
        if not current.confirmed:
            marks.append(SpeechStarted(self._number, current.start))
        speech_end = self.samples if current.speaking else current.speech_end
        return [*marks, self._end(end=self.samples, speech_end=speech_end, cause="flush")]

    def snapshot(self) -> bytes:
        """Everything but the model and the options to use next, exact, below 4 KB."""
        current = self._current
        state = {
            "vad": self._vad_state.pack(),
            "options": self._options.stored() if current else None,
            "frames": self._frames,
            "number": self._number,
            "earliest": self._earliest,
            "current": current.stored() if current else None,
            "loudness": self._loudness.astype("<f4").tobytes(),
        }
        packed: bytes = msgpack.packb(state)
        return packed

    @classmethod
    def restore(cls, vad: SileroVad, options: EndpointerOptions, snapshot: bytes) -> "Endpointer":
        """The endpointer as it was; `options` are those configured last (an open utterance keeps its own)."""
        state = msgpack.unpackb(snapshot)
        endpointer = cls(vad, options)
        endpointer._vad_state = VadState.unpack(state["vad"])
        endpointer._frames = state["frames"]
        endpointer._number = state["number"]
        endpointer._earliest = state["earliest"]
        endpointer._loudness = np.frombuffer(state["loudness"], "<f4").astype(np.float32)
        if state["current"]:
            endpointer._options = EndpointerOptions(**state["options"])
            endpointer._current = _Utterance(**state["current"])
        return endpointer

    @property
    def _min_voiced(self) -> int:
        return math.ceil(self._options.min_speech_ms * _MS / FRAME)

    def _step(self, probability: float, loudness: Floats, frames: int) -> list[Mark]:
        """One more frame; of `loudness` the first `frames` are up to it."""
        current = self._current
        now = self._frames * FRAME
        if current is None:
            if probability < self._options.threshold:
                return []
            onset = now - FRAME - self._options.preroll_ms * _MS
            current = self._current = _Utterance(max(onset, self._earliest), 0, True, now)
        limit = self._options.threshold - (_HYSTERESIS if current.speaking else 0)
        current.speaking = probability >= limit
        if current.speaking:
            current.voiced += 1
            current.speech_end = now
        if not current.confirmed:
            return self._confirm_or_drop(current, now)
        silence = now - current.speech_end
        if silence and silence + _HANGOVER >= self._options.silence_to_end(now - current.start):
            end = min(current.speech_end + _TRAIL, now)
            return [self._end(end=end, speech_end=current.speech_end, cause="silence")]
        if now - current.start >= self._options.max_utterance_ms * _MS:
            return self._cut(current, now, loudness[max(0, frames - _CUT_FROM) : frames])
        if silence >= _TRAIL > silence - FRAME:
            return [Pause(self._number, current.start, current.speech_end + _TRAIL, current.speech_end)]
        return []

    def _confirm_or_drop(self, current: _Utterance, now: int) -> list[Mark]:
        if current.voiced >= self._min_voiced:
            current.confirmed = True
            return [SpeechStarted(self._number, current.start)]
        if now - current.speech_end >= _FALSE_START:
            self._forget()
        return []

    def _cut(self, current: _Utterance, now: int, loudness: Floats) -> list[Mark]:
        """Ends the utterance at the quietest moment of its last 3 s; the next one starts right there."""
        averaged = np.convolve(loudness[:-_CUT_TO], np.full(_CUT_WIDTH, 1 / _CUT_WIDTH), mode="valid")
        quietest = int(np.argmin(averaged)) + _CUT_WIDTH // 2
        cut = now - (len(loudness) - quietest) * FRAME + FRAME // 2
        ended = self._end(end=cut, speech_end=cut, cause="length")
        self._current = _Utterance(cut, (now - cut) // FRAME, current.speaking, current.speech_end, True)
        return [ended, SpeechStarted(self._number, cut)]

    def _end(self, *, end: int, speech_end: int, cause: Cause) -> Endpoint:
        assert self._current is not None
        ended = Endpoint(self._number, self._current.start, end, speech_end, cause)
        self._number += 1
        self._earliest = end
        self._forget()
        return ended

    def _forget(self) -> None:
        self._current = None
        self._options = self._next_options
