"""The live sessions behind one connection of `/v1/listen`: one, or one per channel, fed with its audio."""

import hashlib
from asyncio import Event as Signal
from collections import deque
from dataclasses import replace

from service.audio.interleaving import Deinterleaver
from service.audio.stream_decoder import StreamFormat, sniff
from service.errors import BadAudio
from service.gateway.biasing import Bias
from service.gateway.context import Gateway
from service.gateway.live_session import LiveSession
from service.gateway.opening import open_session
from service.gateway.stream_options import StreamOptions
from service.log.tenants import Tenant

CLOCK_TICKS = 4_096  # frames whose place in the audio is remembered until they are acknowledged


class AudioClock:
    """Tells how much audio the first bytes of a stream hold. Pure."""

    def __init__(self) -> None:
        self._ticks: deque[tuple[int, float]] = deque(maxlen=CLOCK_TICKS)
        self._passed_s = 0.0

    def note(self, bytes_fed: int, heard_s: float) -> None:
        self._ticks.append((bytes_fed, heard_s))

    def heard_at(self, acknowledged: int) -> float:
        """Seconds of audio in the first bytes, for a growing number of them."""
        while self._ticks and self._ticks[0][0] <= acknowledged:
            self._passed_s = self._ticks.popleft()[1]
        return self._passed_s


class Stream:
    """One channel."""

    def __init__(self, session: LiveSession) -> None:
        self.session = session
        self.clock = AudioClock()
        self._bytes = 0

    async def feed(self, data: bytes) -> None:
        self._bytes += len(data)
        await self.session.feed(data)
        self.clock.note(self._bytes, self.session.heard_s)

    async def finalize(self) -> None:
        """Ends the open utterance, and marks the place in the log."""
        await self.session.flush()
        await self.session.emit({"type": "finalize", "heard": self.session.heard_s})


class Streams:
    """Opened with a format, or by the first bytes of a container, which tell it. `channels`: transcribed apart."""

    def __init__(self, gateway: Gateway, tenant: Tenant, options: StreamOptions, *, channels: int = 1) -> None:
        self.opened = Signal()
        self.channels: list[Stream] = []
        self._gateway = gateway
        self._tenant = tenant
        self._options = options
        self._count = channels
        self._head = b""
        self._split: Deinterleaver | None = None
        self._sha256 = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of all audio, as it was sent."""
        return self._sha256.hexdigest()

    async def open(self, fmt: StreamFormat) -> None:
        """Starts the sessions. Raises Refused when there is no room for them."""
        if self._count > 1:
            self._split = Deinterleaver(fmt.encoding, self._count)
        options = replace(self._options, format=fmt)
        for _ in range(self._count):
            self.channels.append(Stream(await open_session(self._gateway, self._tenant, options)))
        self.opened.set()

    async def feed(self, data: bytes) -> None:
        """Takes the next bytes. Raises BadAudio, TooLarge, Refused, Conflict, NotFound."""
        self._sha256.update(data)
        if not self.opened.is_set():
            self._head += data
            if (encoding := sniff(self._head)) is None:
                return
            await self.open(StreamFormat(encoding))
            data, self._head = self._head, b""
        parts = self._split.feed(data) if self._split else [data]
        for channel, part in zip(self.channels, parts, strict=True):
            await channel.feed(part)

    async def finish(self) -> None:
        """No more audio comes. Raises BadAudio where what came was none."""
        if self._head:
            raise BadAudio("the audio ended before it could be told what it is")
        for channel in self.channels:
            await channel.session.finish()
        self.opened.set()

    async def configure(self, bias: Bias) -> None:
        """A new bias, from the next utterance on."""
        self._options = replace(self._options, bias=bias)
        for channel in self.channels:
            await channel.session.configure(replace(channel.session.options, bias=bias))

    async def settle(self) -> None:
        for channel in self.channels:
            await channel.session.settle()

    async def abandon(self) -> None:
        for channel in self.channels:
            await channel.session.abandon()
