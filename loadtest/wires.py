"""The protocols as their clients speak them, reduced to what a measurement needs: audio out, finals in.

A wire takes 16 kHz speech, sends it in frames of its own format, and says when each final arrives.
"""

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import av
import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from service.audio.pcm import Int16
from service.transcript import SAMPLE_RATE

FRAME_MS = 20
COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILURES = ("error", "Error")

Frame = str | bytes
Message = dict[str, Any]


class Wire(ABC):
    """One protocol over WebSocket. `turns`: whether silence ends an utterance, or only the client; `frame_ms`: how
    much audio is sent at once; `rate`: of the audio, in Hz."""

    name: str
    rate: int

    def __init__(self, *, turns: bool, frame_ms: int = FRAME_MS) -> None:
        self.turns = turns
        self.frame_ms = frame_ms
        self._socket: ClientConnection | None = None

    @asynccontextmanager
    async def connected(self, url: str) -> AsyncIterator["Wire"]:
        """Opens a stream and has it configured."""
        address = url.replace("http", "ws", 1) + self.path()
        async with connect(address, proxy=None, compression=None, max_size=None, max_queue=None) as socket:
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
        return [{"type": "start", "language": "en", "format": fmt, "endpointing": endpointing}]

    def frames(self, speech: Int16) -> list[Frame]:
        return [frame.astype("<i2").tobytes() for frame in self._cut(speech)]

    def end_of_turn(self) -> Frame:
        return json.dumps({"type": "flush"})

    def text_of(self, message: Message) -> str | None:
        return message["text"] if message["type"] == "final" else None


class RealtimeWire(Wire):
    name = "OpenAI Realtime"
    rate = 24_000

    def path(self) -> str:
        return "/v1/realtime?intent=transcription"

    def greeting(self) -> list[Message]:
        audio: Message = {"transcription": {"language": "en"}} | ({} if self.turns else {"turn_detection": None})
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


class DeepgramWire(Wire):
    name = "Deepgram"
    rate = SAMPLE_RATE

    def path(self) -> str:
        endpointing = 500 if self.turns else 10_000
        asked = f"model=nova-3&language=en&encoding=linear16&sample_rate={SAMPLE_RATE}&interim_results=true"
        return f"/v1/listen?{asked}&endpointing={endpointing}"

    def greeting(self) -> list[Message]:
        return []

    def frames(self, speech: Int16) -> list[Frame]:
        return [frame.astype("<i2").tobytes() for frame in self._cut(speech)]

    def end_of_turn(self) -> Frame:
        return json.dumps({"type": "Finalize"})

    def text_of(self, message: Message) -> str | None:
        if message["type"] != "Results" or not message["is_final"]:
            return None
        text: str = message["channel"]["alternatives"][0]["transcript"]
        return text


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
