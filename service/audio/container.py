"""Audio and video files of any supported kind to 16 kHz mono, in constant memory.

FFmpeg (through PyAV) reads them. It is given a bare file object and lists of the containers and codecs that it
may use, and any attempt to open something else (a playlist's entries, an external track) fails, so an upload
reaches no URL and no other file.
"""

import errno
import io
import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any, BinaryIO, NoReturn

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer

from service.audio.codec import MonoMixer
from service.audio.pcm import Int16
from service.audio.resample import HIGHEST_RATE, LOWEST_RATE, Resampler
from service.errors import BadAudio, TooLarge, UnsupportedMedia
from service.transcript import SAMPLE_RATE

FORMATS = "wav,w64,flac,mp3,aac,mov,mp4,ogg,matroska,webm,amr,aiff,caf"
CODECS = frozenset(
    (
        *("aac", "alac", "amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb", "flac", "g722", "adpcm_g722"),
        *("adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "gsm_ms", "mp2", "mp2float", "mp3", "mp3float"),
        *("libopus", "opus", "vorbis", "pcm_alaw", "pcm_mulaw", "pcm_s8", "pcm_u8", "pcm_s16be", "pcm_s16le"),
        *("pcm_s24be", "pcm_s24le", "pcm_s32be", "pcm_s32le", "pcm_f32be", "pcm_f32le", "pcm_f64be", "pcm_f64le"),
    )
)
_RAW_FORMATS = {".g722": "g722"}  # no header tells them
_ESTIMATED = {"aac", "amr"}  # FFmpeg guesses the duration of these from the size of the first frames
_MICROSECONDS = 1_000_000


class _Upload(io.RawIOBase):
    """`source` with nothing but read and seek: FFmpeg sees no name, and cannot write or close it."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source

    def read(self, size: int = -1) -> bytes:
        return self._source.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def read_file(
    source: BinaryIO,
    *,
    max_seconds: float,
    filename: str | None = None,
    chunk_seconds: float = 1.0,
    channel: int | None = None,
) -> Iterator[Int16]:
    """Mono int16 at 16 kHz in chunks of `chunk_seconds`, the last one shorter, from the first audio track.

    `source` is seekable; `filename` only tells headerless formats (.g722). Its channels are mixed, or with `channel`
    that one (below `count_channels`) is taken alone. Packets that do not decode are left out. All errors have the
    field "file": BadAudio when there is no audio track, no such channel or nothing decodes,
    UnsupportedMedia for a container or codec that is not read, TooLarge for more than `max_seconds`: at once
    when the file says so, else as soon as it is exceeded.
    """
    with closing(_open(source, filename)) as container:
        stream = _audio_stream(container)
        duration_s = _duration(container, stream, source)
        if duration_s is not None and duration_s > max_seconds:
            raise TooLarge(f"{duration_s:.0f} s of audio, {max_seconds:.0f} s are allowed", field="file")
        if channel is not None and not 0 <= channel < _channels(stream):
            raise BadAudio(f"the file has no channel {channel}, it has {_channels(stream)}", field="file")
        samples = 0
        mono = _decode(container, stream, MonoMixer(channel))
        for chunk in _in_chunks(_resample(mono), round(chunk_seconds * SAMPLE_RATE)):
            samples += len(chunk)
            if samples > max_seconds * SAMPLE_RATE:
                raise TooLarge(f"more than {max_seconds:.0f} s of audio", field="file")
            yield chunk
        if samples == 0:
            raise BadAudio("the file holds no audio that can be decoded", field="file")


def probe_duration(source: BinaryIO, filename: str | None = None) -> float | None:
    """Seconds of audio as the container says, None when it does not. Raises as `read_file` does on opening."""
    with closing(_open(source, filename)) as container:
        return _duration(container, _audio_stream(container), source)


def count_channels(source: BinaryIO, filename: str | None = None) -> int:
    """Channels of the first audio track, as the container says. Raises as `read_file` does on opening."""
    with closing(_open(source, filename)) as container:
        return _channels(_audio_stream(container))


def _channels(stream: AudioStream) -> int:
    return max(stream.codec_context.channels, 1)


def _open(source: BinaryIO, filename: str | None) -> InputContainer:
    source.seek(0)
    if not source.read(1):
        raise BadAudio("the file is empty", field="file")
    source.seek(0)
    raw_format = _RAW_FORMATS.get(os.path.splitext(filename or "")[1].lower())
    try:
        container = av.open(
            _Upload(source),
            format=raw_format,
            metadata_errors="ignore",
            io_open=_refuse_to_open,
            container_options={
                "format_whitelist": raw_format or FORMATS,
                "codec_whitelist": ",".join(sorted(CODECS)),
                "protocol_whitelist": "none",
            },
        )
    except av.error.FFmpegError as error:
        if error.errno == errno.EINVAL:  # what FFmpeg answers for a format it knows but may not use
            raise UnsupportedMedia(
                "this kind of file is not supported; send WAV, FLAC, MP3, M4A, Ogg, WebM, AMR, 3GP or G.722",
                field="file",
            ) from error
        raise BadAudio("the file is not an audio file, or is damaged", field="file") from error
    assert isinstance(container, InputContainer)  # the type of av.open's mode "r"
    return container


def _refuse_to_open(url: str, flags: int, options: dict[str, Any]) -> NoReturn:
    raise PermissionError("an upload may not open other files")


def _audio_stream(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        raise BadAudio("the file has no audio track", field="file")
    stream = container.streams.audio[0]
    if stream.codec_context is None or stream.codec_context.name not in CODECS:
        raise UnsupportedMedia("the codec of the audio track is not supported", field="file")
    return stream


def _duration(container: InputContainer, stream: AudioStream, source: BinaryIO) -> float | None:
    """Seconds by the container's metadata."""
    if container.format.name in _ESTIMATED:
        return None
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        seconds = container.duration / _MICROSECONDS
    else:
        return None
    codec = stream.codec_context
    if codec.name.startswith("pcm_") and codec.bit_rate:
        # A recorder that writes to a pipe puts the largest size into the header.
        seconds = min(seconds, 8 * _size(source) / codec.bit_rate)
    return seconds if seconds > 0 else None


def _size(source: BinaryIO) -> int:
    position = source.tell()
    size = source.seek(0, os.SEEK_END)
    source.seek(position)
    return size


def _decode(container: InputContainer, stream: AudioStream, mixer: MonoMixer) -> Iterator[tuple[int, Int16]]:
    """(sample rate in Hz, mono int16) of everything that decodes, up to where the container itself breaks off."""
    packets = container.demux(stream)
    while (packet := _next_packet(packets)) is not None:
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, EOFError):
            continue  # damaged: the rest may be sound
        for frame in frames:
            if frame.samples:
                yield frame.sample_rate, mixer.mix(frame)


def _next_packet(packets: Iterator["av.Packet[AudioStream]"]) -> "av.Packet[AudioStream] | None":
    """None at the end of the file, or of what can be read of it."""
    try:
        return next(packets, None)
    except (av.error.InvalidDataError, EOFError):
        return None


def _resample(pieces: Iterator[tuple[int, Int16]]) -> Iterator[Int16]:
    """To 16 kHz; the rate may change on the way."""
    resampler: Resampler | None = None
    for rate, samples in pieces:
        if not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise UnsupportedMedia(f"a sample rate of {rate} Hz is not supported", field="file")
        if resampler is None or resampler.sample_rate != rate:
            if resampler is not None:
                yield resampler.flush()
            resampler = Resampler(rate)
        yield resampler.feed(samples)
    if resampler is not None:
        yield resampler.flush()


def _in_chunks(parts: Iterator[Int16], size: int) -> Iterator[Int16]:
    """The same samples in arrays of `size`, the last one shorter."""
    waiting: list[Int16] = []
    count = 0
    for part in parts:
        waiting.append(part)
        count += len(part)
        if count >= size:
            joined = np.concatenate(waiting)
            whole = count - count % size
            yield from np.split(joined[:whole], whole // size)
            waiting, count = [joined[whole:]], count - whole
    if count:
        yield np.concatenate(waiting)
