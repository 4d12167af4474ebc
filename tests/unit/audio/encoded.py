"""Speech in every file format and stream encoding, made with FFmpeg's encoders, and how well a decoding matches."""

import io
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np

from service.audio.pcm import Int16, to_float32
from service.audio.stream_decoder import StreamDecoder, StreamFormat
from service.transcript import SAMPLE_RATE


@dataclass(frozen=True)
class Match:
    """A decoding against its reference: shift in samples, correlation there, ratio of the levels."""

    lag: int
    correlation: float
    level: float


def match(decoded: Int16, reference: Int16) -> Match:
    one, other = to_float32(decoded).astype(np.float64), to_float32(reference).astype(np.float64)
    size = 1 << (len(one) + len(other)).bit_length()
    correlation = np.fft.irfft(np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size)), size)
    best = int(np.argmax(correlation))
    scale = np.sqrt(np.sum(one**2) * np.sum(other**2))
    lag = best - size if best > size // 2 else best
    return Match(lag, float(correlation[best] / scale), float(np.sqrt(np.mean(one**2) / np.mean(other**2))))


def resampled(samples: Int16, rate: int) -> Int16:
    """The same speech at another rate, by FFmpeg's resampler."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    frames = [*resampler.resample(_frame(samples)), *resampler.resample(None)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.int16)


def _frame(samples: Int16, layout: str = "mono") -> av.AudioFrame:
    channels = samples.reshape(av.AudioLayout(layout).nb_channels, -1)
    frame = av.AudioFrame.from_ndarray(channels.T.reshape(1, -1), format="s16", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
    return frame


def encode(samples: Int16, container: str, codec: str, rate: int = SAMPLE_RATE, **settings: Any) -> bytes:
    """16 kHz speech as a whole file; `settings` are attributes of the stream (layout, bit_rate, ...)."""
    return _encode(_frame(samples), container, codec, rate, {"layout": "mono", **settings})


def encode_channels(voices: list[Int16], container: str, codec: str, rate: int, layout: str) -> bytes:
    """16 kHz speech, one of equal length for each channel of the layout, as a whole file."""
    return _encode(_frame(np.stack(voices), layout), container, codec, rate, {"layout": layout})


def _encode(whole: av.AudioFrame, container: str, codec: str, rate: int, settings: dict[str, Any]) -> bytes:
    target = io.BytesIO()
    with av.open(target, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, **settings)
        if not stream.codec_context.is_open:
            stream.codec_context.open()
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(stream.format.name, stream.layout.name, rate, size)
        for frame in [*resampler.resample(whole), *resampler.resample(None), None]:
            file.mux(stream.encode(frame))
    return target.getvalue()


def wav(samples: Int16, channels: int = 1, rate: int = SAMPLE_RATE) -> bytes:
    """A WAV with the plain 16-bit header, the same speech in all channels."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(samples, channels).astype("<i2").tobytes())
    return target.getvalue()


def opus_packets(samples: Int16, layout: str = "mono") -> list[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, layout, "s16"
    encoder.open()
    resampler = av.AudioResampler("s16", layout, 48_000, encoder.frame_size)
    frames = [*resampler.resample(_frame(samples)), *resampler.resample(None), None]
    return [bytes(packet) for frame in frames for packet in encoder.encode(frame)]


def stream(samples: Int16, fmt: StreamFormat) -> list[bytes]:
    """16 kHz speech as a client of `fmt` sends it, in pieces that must stay whole (for Opus, else one)."""
    layout = "stereo" if fmt.channels == 2 else "mono"
    match fmt.encoding:
        case "opus":
            return opus_packets(samples, layout)
        case "ogg_opus":
            return [encode(samples, "ogg", "libopus", 48_000, layout=layout)]
        case "webm_opus":
            return [encode(samples, "webm", "libopus", 48_000, layout=layout)]
        case "aac_adts":
            return [encode(samples, "adts", "aac", fmt.sample_rate, layout=layout)]
        case "mp3":
            return [encode(samples, "mp3", "libmp3lame", fmt.sample_rate, layout=layout)]
        case "flac":
            return [encode(samples, "flac", "flac", fmt.sample_rate, layout=layout)]
        case "wav":
            return [encode(samples, "wav", "pcm_s16le", fmt.sample_rate, layout=layout)]
        case "mulaw" | "alaw":
            return [encode(samples, fmt.encoding, f"pcm_{fmt.encoding}", fmt.sample_rate, layout=layout)]
    interleaved = np.repeat(resampled(samples, fmt.sample_rate), fmt.channels)
    if fmt.encoding == "pcm_f32le":
        return [to_float32(interleaved).astype("<f4").tobytes()]
    return [interleaved.astype("<i2").tobytes()]


def cut(data: bytes, sizes: Iterator[int]) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = next(sizes)
        yield data[at : at + size]
        at += size


def decode(fmt: StreamFormat, pieces: list[bytes]) -> Int16:
    """The whole stream by one decoder, undisturbed."""
    decoder = StreamDecoder(fmt)
    return np.concatenate([*map(decoder.feed, pieces), decoder.flush()])
