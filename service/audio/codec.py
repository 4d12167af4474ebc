"""FFmpeg's decoders: packets to mono int16, and packet streams that another process can go on with."""

from collections import deque
from typing import Any, cast

import av
import numpy as np

from service.audio.demux import (
    AdtsDemuxer,
    CodecConfig,
    Demuxer,
    Mp3Demuxer,
    OggDemuxer,
    Packet,
    RawOpusDemuxer,
    WebmDemuxer,
)
from service.audio.demux.packet import bad_audio, pack_config, unpack_config
from service.audio.pcm import Int16

_DECODERS = {"opus": "libopus", "aac": "aac", "mp3": "mp3float"}
_DEMUXERS: dict[str, type[Demuxer]] = {
    "opus": RawOpusDemuxer,
    "ogg_opus": OggDemuxer,
    "webm_opus": WebmDemuxer,
    "aac_adts": AdtsDemuxer,
    "mp3": Mp3Demuxer,
}
PACKET_ENCODINGS = tuple(_DEMUXERS)

# A decoder that starts in mid-stream is fed these packets first: RFC 7845 (section 4.6) asks for 80 ms for Opus,
# AAC needs the frame before for its overlap and a few more until its filters have settled, MP3 what its frames lend
# each other, up to 511 bytes.
PREROLL_S = 0.2
PREROLL_PACKETS = 4
PREROLL_BYTES = 12_288
# Metadata may come between packets, but a stream of nothing else must end some time.
MAX_BYTES_WITHOUT_PACKET = 4 * 2**20


class MonoMixer:
    """Frames of any sample format and channel layout to mono int16 at their own rate; the format may change.

    Stereo is mixed by its mean, surround sound by FFmpeg's matrix, which keeps the voice in the centre. With `channel`,
    counted from 0, that channel is taken instead, the last one where there are fewer.
    """

    def __init__(self, channel: int | None = None) -> None:
        self._channel = channel
        self._format: tuple[str, str, int] | None = None
        self._resampler: av.AudioResampler | None = None

    def mix(self, frame: av.AudioFrame) -> Int16:
        """int16 samples, shape (frame.samples,)."""
        if frame.format.name == "s16" and frame.layout.nb_channels == 1:
            return self._samples(frame)
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or form != self._format:
            self._format = form
            layout = "mono" if self._channel is None else frame.layout
            self._resampler = av.AudioResampler(format="s16", layout=layout, rate=frame.sample_rate)
        frame.pts = None
        return np.concatenate([self._samples(mixed) for mixed in self._resampler.resample(frame)])

    def _samples(self, packed: av.AudioFrame) -> Int16:
        channels = packed.layout.nb_channels
        return cast(Int16, packed.to_ndarray().reshape(-1, channels)[:, min(self._channel or 0, channels - 1)])


class PacketDecoder:
    """Packets of one CodecConfig to mono int16 at the codec's own rate."""

    def __init__(self, config: CodecConfig) -> None:
        self.config = config
        context = av.CodecContext.create(_DECODERS[config.codec], "r")
        assert isinstance(context, av.AudioCodecContext)
        self._context = context
        if config.extradata:
            self._context.extradata = config.extradata
        self._mixer = MonoMixer()
        self._to_skip = config.pre_skip
        self._recent: deque[tuple[bytes, float]] = deque()  # packets with their seconds

    def decode(self, packet: bytes) -> list[tuple[int, Int16]]:
        """(sample rate in Hz, mono int16) of one packet, usually one pair. Raises BadAudio."""
        try:
            frames = self._context.decode(av.Packet(packet))
        except (av.error.FFmpegError, EOFError) as error:
            raise bad_audio(f"a packet is not decodable as {self.config.codec}") from error
        pieces = [(frame.sample_rate, self._mixer.mix(frame)) for frame in frames]
        self._remember(packet, sum(len(samples) / rate for rate, samples in pieces))
        return [(rate, self._skip(samples)) for rate, samples in pieces]

    def _skip(self, samples: Int16) -> Int16:
        skipped = min(self._to_skip, len(samples))
        self._to_skip -= skipped
        return samples[skipped:]

    def _remember(self, packet: bytes, seconds: float) -> None:
        """Keep the last packets, as many as a decoder needs that starts here."""
        self._recent.append((packet, seconds))
        while len(self._recent) > 1 and (
            (len(self._recent) > PREROLL_PACKETS and sum(s for _, s in self._recent) - self._recent[0][1] > PREROLL_S)
            or sum(len(p) for p, _ in self._recent) > PREROLL_BYTES
        ):
            self._recent.popleft()

    def state(self) -> dict[str, Any]:
        return {
            "config": pack_config(self.config),
            "skip": self._to_skip,
            "recent": [packet for packet, _ in self._recent],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "PacketDecoder":
        """A decoder that has heard the last packets and goes on after them."""
        config = unpack_config(state["config"])
        assert config is not None
        decoder = cls(config)
        for packet in state["recent"]:
            decoder.decode(packet)
        decoder._to_skip = state["skip"]
        return decoder


class PacketStream:
    """The bytes of a compressed stream (`encoding` in PACKET_ENCODINGS), cut anywhere, to mono int16."""

    def __init__(self, encoding: str) -> None:
        self._demuxer = _DEMUXERS[encoding]()
        self._decoder: PacketDecoder | None = None
        self._bytes_without_packet = 0

    def feed(self, data: bytes) -> list[tuple[int, Int16]]:
        """(sample rate in Hz, mono int16) of the packets that `data` completes. Raises BadAudio."""
        packets = self._demuxer.feed(data)
        self._bytes_without_packet = 0 if packets else self._bytes_without_packet + len(data)
        if self._bytes_without_packet > MAX_BYTES_WITHOUT_PACKET:
            raise bad_audio(f"no audio in {MAX_BYTES_WITHOUT_PACKET} bytes")
        return [piece for packet in packets for piece in self._decode(packet)]

    def _decode(self, packet: Packet) -> list[tuple[int, Int16]]:
        if self._decoder is None or self._decoder.config != packet.config:
            self._decoder = PacketDecoder(packet.config)
        return self._decoder.decode(packet.data)

    def check_end(self) -> None:
        """Raises BadAudio when the stream ended before it was known to be audio."""
        self._demuxer.check_end()

    def state(self) -> dict[str, Any]:
        decoder = self._decoder.state() if self._decoder else None
        return {"demuxer": self._demuxer.state(), "decoder": decoder, "without": self._bytes_without_packet}

    def load(self, state: dict[str, Any]) -> None:
        self._demuxer.load(state["demuxer"])
        if state["decoder"]:
            self._decoder = PacketDecoder.from_state(state["decoder"])
        self._bytes_without_packet = state["without"]
