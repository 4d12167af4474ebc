"""The protocols as their clients speak them, reduced to what a measurement needs: audio out, captions and finals in.

A wire takes 16 kHz speech, sends it in frames of its own format, and tells what arrives as events of Sotto's client.
"""

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import av
import numpy as np
from sotto_client import Event, Final, Partial, Word
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from service.audio.pcm import Int16
from service.transcript import SAMPLE_RATE

FRAME_MS = 20
COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILURES = ("error", "Error")

Frame = str | bytes
Message = dict[str, Any]


class Wire(ABC):
    """One protocol over WebSocket. `turns`: whether silence ends an utterance, or only the client; `frame_ms`: how
    much audio is sent at once; `rate`: of the audio, in Hz; `settled`: nothing that was heard waits for its final."""

    name: str
    rate: int
    scheme = "Bearer"

    def __init__(
        self,
        *,
        turns: bool,
        frame_ms: int = FRAME_MS,
        language: str = "en",
        model: str | None = None,
        keywords: Sequence[str] = (),
    ) -> None:
        self.turns = turns
        self.frame_ms = frame_ms
        self.language = language
        self.model = model
        self.keywords = tuple(keywords)
        self.settled = False
        self._socket: ClientConnection | None = None

    @asynccontextmanager
    async def connected(self, url: str, *, api_key: str | None = None) -> AsyncIterator["Wire"]:
        """Opens a stream and has it configured."""
        address = url.rstrip("/").replace("http", "ws", 1) + self.path()
        headers = {"Authorization": f"{self.scheme} {api_key}"} if api_key else {}
        async with connect(
            address, additional_headers=headers, proxy=None, compression=None, max_size=None, max_queue=None
        ) as socket:
            self._socket = socket
            for message in self.greeting():
                await socket.send(json.dumps(message))
            yield self

    async def send(self, frame: Frame) -> None:
        assert self._socket is not None
        await self._socket.send(frame)

    async def final(self) -> str:
        """The text of the next final. Raises RuntimeError when the server reports an error."""
        assert self._socket is not None
        while True:
            message: Message = json.loads(await self._socket.recv())
            if message["type"] in FAILURES:
                raise RuntimeError(f"{self.name}: {message}")
            text = self.text_of(message)
            if text:
                return text

    async def events(self) -> AsyncIterator[Event]:
        """Captions and finals until the server closes. Raises RuntimeError when it reports an error."""
        assert self._socket is not None
        try:
            while True:
                message: Message = json.loads(await self._socket.recv())
                if message["type"] in FAILURES:
                    raise RuntimeError(f"{self.name}: {message}")
                if event := self.event_of(message):
                    yield event
        except ConnectionClosed as closed:
            if closed.rcvd is None or closed.rcvd.code != 1000:
                raise

    def event_of(self, message: Message) -> Event | None:
        """The caption or final that a message brings. Only wires that measure captions know it."""
        raise NotImplementedError

    def _cut(self, speech: Int16) -> list[Int16]:
        sent = speech if self.rate == SAMPLE_RATE else _resampled(speech, self.rate)
        size = self.rate * self.frame_ms // 1000
        return list(sent[: len(sent) // size * size].reshape(-1, size))

    @abstractmethod
    def path(self) -> str:
        """Route and query of the socket."""

    @abstractmethod
    def greeting(self) -> list[Message]:
        """What a client says before its audio."""

    @abstractmethod
    def frames(self, speech: Int16) -> list[Frame]:
        """The speech in frames of `frame_ms`."""

    @abstractmethod
    def end_of_turn(self) -> Frame:
        """What a client says when its speaker is done."""

    def goodbye(self) -> Frame | None:
        """What a client says when no more audio comes; None where it only waits for its finals."""
        return None

    @abstractmethod
    def text_of(self, message: Message) -> str | None:
        """The text of a message that is a final."""


class SottoWire(Wire):
    name = "/v1/stream"
    rate = SAMPLE_RATE

    def path(self) -> str:
        return "/v1/stream"

    def greeting(self) -> list[Message]:
        fmt = {"encoding": "pcm_s16le", "sample_rate": self.rate}
        endpointing = {} if self.turns else {"silence_ms": 10_000}
        return [{"type": "start", "language": self.language, "format": fmt, "endpointing": endpointing}]

    def frames(self, speech: Int16) -> list[Frame]:
        return [frame.astype("<i2").tobytes() for frame in self._cut(speech)]

    def end_of_turn(self) -> Frame:
        return json.dumps({"type": "flush"})

    def text_of(self, message: Message) -> str | None:
        return message["text"] if message["type"] == "final" else None


class RealtimeWire(Wire):
    name = "OpenAI Realtime"
    rate = 24_000

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._bounds: dict[str, tuple[float, float]] = {}  # of items whose final is outstanding, in seconds
        self._said: dict[str, str] = {}

    def path(self) -> str:
        return "/v1/realtime?intent=transcription"

    def greeting(self) -> list[Message]:
        asked: Message = {"language": self.language} | ({"model": self.model} if self.model else {})
        asked |= {"keywords": list(self.keywords)} if self.keywords else {}
        audio: Message = {"transcription": asked} | ({} if self.turns else {"turn_detection": None})
        return [{"type": "session.update", "session": {"type": "transcription", "audio": {"input": audio}}}]

    def frames(self, speech: Int16) -> list[Frame]:
        return [
            json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(frame.tobytes()).decode()})
            for frame in self._cut(speech)
        ]

    def end_of_turn(self) -> Frame:
        return json.dumps({"type": "input_audio_buffer.commit"})

    def text_of(self, message: Message) -> str | None:
        return message["transcript"] if message["type"] == COMPLETED else None

    def event_of(self, message: Message) -> Event | None:
        item = message.get("item_id", "")
        match message["type"]:
            case "input_audio_buffer.speech_started":
                start = message["audio_start_ms"] / 1000
                self._bounds[item] = (start, start)
            case "input_audio_buffer.speech_stopped":
                self._bounds[item] = (self._bounds[item][0], message["audio_end_ms"] / 1000)
            case "conversation.item.input_audio_transcription.delta" if item in self._bounds:
                self._said[item] = self._said.get(item, "") + message["delta"]
                return Partial(0, item, self._said[item], "", *self._bounds[item])
            case kind if kind == COMPLETED and item in self._bounds:
                self._said.pop(item, None)
                start, end = self._bounds.pop(item)
                self.settled = not self._bounds
                return Final(0, item, message["transcript"], start, end, self.language)
        self.settled = not self._bounds
        return None


class DeepgramWire(Wire):
    name = "Deepgram"
    rate = SAMPLE_RATE
    scheme = "Token"

    def path(self) -> str:
        endpointing = 500 if self.turns else 10_000
        asked = {
            "model": self.model or "nova-3",
            "language": self.language,
            "encoding": "linear16",
            "sample_rate": str(self.rate),
            "interim_results": "true",
            "endpointing": str(endpointing),
        }
        return "/v1/listen?" + urlencode([*asked.items(), *(("keyterm", keyword) for keyword in self.keywords)])

    def greeting(self) -> list[Message]:
        return []

    def frames(self, speech: Int16) -> list[Frame]:
        return [frame.astype("<i2").tobytes() for frame in self._cut(speech)]

    def end_of_turn(self) -> Frame:
        return json.dumps({"type": "Finalize"})

    def goodbye(self) -> Frame:
        return json.dumps({"type": "CloseStream"})

    def text_of(self, message: Message) -> str | None:
        if message["type"] != "Results" or not message["is_final"]:
            return None
        text: str = message["channel"]["alternatives"][0]["transcript"]
        return text

    def event_of(self, message: Message) -> Event | None:
        if message["type"] != "Results":
            self.settled = message["type"] == "Metadata"
            return None
        best = message["channel"]["alternatives"][0]
        start = float(message["start"])
        end = start + float(message["duration"])
        if not best["transcript"]:
            return None
        if not message["is_final"]:
            return Partial(0, str(start), "", best["transcript"], start, end)
        words = tuple(Word(word["word"], word["start"], word["end"], word["confidence"]) for word in best["words"])
        return Final(0, str(start), best["transcript"], start, end, self.language, words)


class SottoWire24(SottoWire):
    """With the audio that OpenAI's clients send: endpoints are heard where theirs are."""

    name = "/v1/stream, 24 kHz"
    rate = RealtimeWire.rate


WIRES: tuple[type[Wire], ...] = (SottoWire, RealtimeWire, DeepgramWire)


def _resampled(speech: Int16, rate: int) -> Int16:
    frame = av.AudioFrame.from_ndarray(speech.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = SAMPLE_RATE
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray()[0] for part in parts]).astype(np.int16)
