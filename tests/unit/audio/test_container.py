import contextlib
import io
import random
import struct
import tempfile
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest

from service.audio.container import count_channels, probe_duration, read_file
from service.audio.pcm import Int16
from service.errors import BadAudio, SottoError, TooLarge, UnsupportedMedia
from tests.unit.audio.conftest import DATA, Recording
from tests.unit.audio.encoded import encode, encode_channels, match, wav

CLIP = "human-en-vm-mismatch"
MINUTE_S = 60.0


@pytest.fixture(scope="module")
def speech(recording: Recording) -> Int16:
    return recording(CLIP)


def read(data: bytes, filename: str | None = None, max_seconds: float = MINUTE_S) -> Int16:
    return np.concatenate(list(read_file(io.BytesIO(data), max_seconds=max_seconds, filename=filename)))


# container, encoder, rate, settings; least correlation, as the codec allows
FILES = [
    ("wav", "pcm_s16le", 8000, {}, 0.98),
    ("wav", "pcm_s16le", 11025, {}, 0.98),
    ("wav", "pcm_u8", 16000, {}, 0.98),
    ("wav", "pcm_s24le", 96000, {"layout": "stereo"}, 0.999),
    ("wav", "pcm_f32le", 44100, {"layout": "5.1"}, 0.999),
    ("wav", "pcm_mulaw", 8000, {}, 0.98),
    ("wav", "pcm_alaw", 8000, {}, 0.98),
    ("w64", "pcm_s16le", 48000, {"layout": "7.1"}, 0.999),
    ("aiff", "pcm_s16be", 22050, {}, 0.999),
    ("caf", "pcm_s16le", 44100, {}, 0.999),
    ("flac", "flac", 44100, {"layout": "stereo"}, 0.999),
    ("mp3", "libmp3lame", 44100, {"layout": "stereo"}, 0.99),
    ("mp3", "libmp3lame", 16000, {}, 0.98),
    ("ipod", "aac", 44100, {"layout": "stereo"}, 0.95),
    ("mov", "alac", 44100, {}, 0.999),
    ("adts", "aac", 24000, {}, 0.95),
    ("ogg", "libopus", 48000, {}, 0.98),
    ("webm", "libopus", 48000, {"layout": "stereo"}, 0.98),
    ("amr", "libopencore_amrnb", 8000, {"bit_rate": 12200}, 0.7),
    ("3gp", "libopencore_amrnb", 8000, {"bit_rate": 12200}, 0.7),
    ("3gp", "aac", 32000, {}, 0.95),
    ("g722", "g722", 16000, {}, 0.99),
]


@pytest.mark.parametrize(("container", "codec", "rate", "settings", "least"), FILES)
def test_reads_the_speech_of_every_kind_of_file(
    speech: Int16, container: str, codec: str, rate: int, settings: dict[str, object], least: float
) -> None:
    decoded = read(encode(speech, container, codec, rate, **settings), filename=f"memo.{container}")
    found = match(decoded, speech)
    assert decoded.dtype == np.int16
    assert found.correlation > least
    assert abs(found.lag) < 0.06 * 16000
    assert 0.2 < found.level < 1.1  # FFmpeg spreads mono speech over the channels of stereo and surround sound
    assert abs(len(decoded) - len(speech)) < 0.15 * 16000


def test_reads_wideband_amr(speech: Int16) -> None:
    decoded = read((DATA / "vm-mismatch-wideband.amr").read_bytes())
    assert match(decoded, speech).correlation > 0.9


@pytest.mark.parametrize("channels", range(1, 9))
def test_mixes_any_number_of_equal_channels_to_the_same_speech(speech: Int16, channels: int) -> None:
    decoded = read(wav(speech, channels))
    assert np.abs(decoded.astype(int) - speech).max() <= 1


@pytest.mark.parametrize(
    ("container", "codec", "rate", "layout", "least"),
    [
        ("wav", "pcm_s16le", 24000, "stereo", 0.999),
        ("wav", "pcm_f32le", 16000, "5.1", 0.999),
        ("wav", "pcm_mulaw", 8000, "stereo", 0.98),
        ("flac", "flac", 44100, "7.1", 0.999),
        ("ipod", "aac", 44100, "stereo", 0.95),
        ("webm", "libopus", 48000, "stereo", 0.95),
    ],
)
def test_gives_each_channel_by_itself(
    speech: Int16, container: str, codec: str, rate: int, layout: str, least: float
) -> None:
    """In each channel the speech begins at another place."""
    count = av.AudioLayout(layout).nb_channels
    voices = [np.roll(speech, 2000 * channel) for channel in range(count)]
    source = io.BytesIO(encode_channels(voices, container, codec, rate, layout))
    assert count_channels(source) == count
    for channel, voice in enumerate(voices):
        alone = np.concatenate(list(read_file(source, max_seconds=MINUTE_S, channel=channel)))
        found = match(alone, voice)
        assert found.correlation > least
        assert abs(found.lag) < 1000


def test_one_channel_of_mono_is_the_whole(speech: Int16) -> None:
    source = io.BytesIO(wav(speech))
    assert count_channels(source) == 1
    np.testing.assert_array_equal(np.concatenate(list(read_file(source, max_seconds=MINUTE_S, channel=0))), speech)


@pytest.mark.parametrize("channel", [-1, 2])
def test_a_channel_that_is_not_there_is_bad_audio(speech: Int16, channel: int) -> None:
    with pytest.raises(BadAudio, match="no channel") as caught:
        next(read_file(io.BytesIO(wav(speech, 2)), max_seconds=MINUTE_S, channel=channel))
    assert caught.value.field == "file"


def test_where_a_file_turns_mono_that_is_in_every_channel(speech: Int16) -> None:
    source = io.BytesIO(
        encode(speech, "mp3", "libmp3lame", 44100, layout="stereo") + encode(speech, "mp3", "libmp3lame", 16000)
    )
    right = np.concatenate(list(read_file(source, max_seconds=MINUTE_S, channel=1)))
    assert match(right[len(speech) :], speech).correlation > 0.95


def test_takes_the_audio_track_of_a_video(speech: Int16) -> None:
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as file:
        video = file.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
        audio = file.add_stream("aac", rate=16000, layout="mono")
        for time in range(10):
            picture = av.VideoFrame(64, 64, "yuv420p")
            picture.pts = time
            file.mux(video.encode(picture))
        frame = av.AudioFrame.from_ndarray(speech.reshape(1, -1), "s16", "mono")
        frame.sample_rate = 16000
        for part in [*av.AudioResampler("fltp", "mono", 16000, 1024).resample(frame), None]:
            file.mux(audio.encode(part))
        file.mux(video.encode(None))
    assert match(read(target.getvalue()), speech).correlation > 0.95


def test_follows_a_change_of_rate_and_channels_inside_a_file(speech: Int16) -> None:
    stereo = encode(speech, "mp3", "libmp3lame", 44100, layout="stereo")
    mono = encode(speech, "mp3", "libmp3lame", 16000)
    decoded = read(stereo + mono)
    assert match(decoded[: len(speech)], speech).correlation > 0.95
    assert match(decoded[len(speech) :], speech).correlation > 0.95


def test_gives_chunks_of_the_asked_length(speech: Int16) -> None:
    data = encode(speech, "flac", "flac", 16000)
    sizes = [len(chunk) for chunk in read_file(io.BytesIO(data), max_seconds=MINUTE_S, chunk_seconds=0.5)]
    assert set(sizes[:-1]) == {8000}
    assert sum(sizes) == len(speech)


def test_reads_a_spooled_upload_from_its_start(speech: Int16) -> None:
    with tempfile.SpooledTemporaryFile(100) as spool:
        spool.write(wav(speech))
        np.testing.assert_array_equal(np.concatenate(list(read_file(spool, max_seconds=MINUTE_S))), speech)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0])
def test_a_wav_from_a_pipe_is_as_long_as_its_data(speech: Int16, size: int) -> None:
    data = bytearray(wav(speech))
    data[4:8] = data[40:44] = struct.pack("<I", size)
    assert probe_duration(io.BytesIO(data)) == pytest.approx(len(speech) / 16000)
    np.testing.assert_array_equal(read(bytes(data)), speech)


def test_tells_the_duration_when_the_container_does(speech: Int16) -> None:
    seconds = len(speech) / 16000
    for container, codec, rate in [("flac", "flac", 16000), ("ipod", "aac", 44100), ("ogg", "libopus", 48000)]:
        assert probe_duration(io.BytesIO(encode(speech, container, codec, rate))) == pytest.approx(seconds, abs=0.05)
    assert probe_duration(io.BytesIO(encode(speech, "adts", "aac", 16000))) is None


def test_refuses_at_once_what_says_that_it_is_too_long() -> None:
    long = encode(np.zeros(300 * 16000, dtype=np.int16), "flac", "flac", 16000)
    source = io.BytesIO(long)
    with pytest.raises(TooLarge) as caught:
        next(read_file(source, max_seconds=MINUTE_S))
    assert caught.value.field == "file"


def test_refuses_while_reading_what_does_not_say_how_long_it_is(speech: Int16) -> None:
    chunks = read_file(io.BytesIO(encode(speech, "adts", "aac", 16000)), max_seconds=2.0)
    assert len(next(chunks)) + len(next(chunks)) == 2 * 16000
    with pytest.raises(TooLarge):
        next(chunks)


def test_damage_in_the_middle_costs_only_the_damaged_part(speech: Int16) -> None:
    data = bytearray(encode(speech, "mp3", "libmp3lame", 16000))
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    decoded = read(bytes(data))
    assert len(decoded) > 0.9 * len(speech)
    assert match(decoded[:16000], speech[:16000]).correlation > 0.95


def test_a_file_cut_short_gives_what_is_there(speech: Int16) -> None:
    data = encode(speech, "ogg", "libopus", 48000)
    decoded = read(data[: len(data) * 2 // 3])
    assert match(decoded, speech[: len(decoded)]).correlation > 0.95


class EndlessSilence(io.RawIOBase):
    """A WAV of ten minutes that is never in memory as a whole."""

    HEADER = wav(np.zeros(0, dtype=np.int16))
    SIZE = len(HEADER) + 600 * 32000

    def __init__(self) -> None:
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        size = max(min(size, self.SIZE - self._at), 0)
        header = self.HEADER[:40] + struct.pack("<I", self.SIZE - 44)
        data = (header[self._at : self._at + size]).ljust(size, b"\0")
        self._at += size
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + {0: 0, 1: self._at, 2: self.SIZE}[whence]
        return self._at

    def tell(self) -> int:
        return self._at


def test_a_long_file_is_read_in_constant_memory() -> None:
    tracemalloc.start()
    total = sum(len(chunk) for chunk in read_file(EndlessSilence(), max_seconds=1000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 600 * 16000
    assert peak < 2 * 2**20


def test_a_playlist_opens_no_other_file(tmp_path: Path, speech: Int16) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav(speech))
    for playlist in (
        f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{secret}'\n",
        f"<?xml version='1.0'?><MPD><BaseURL>file://{secret}</BaseURL></MPD>",
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\na=control:file://{secret}\n",
    ):
        for filename in ("a.m3u8", "a.wav", str(secret)):
            with pytest.raises((UnsupportedMedia, BadAudio)):
                read(playlist.encode(), filename)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", BadAudio),
        (b"\0" * 10_000, BadAudio),
        (b"Dear Sir or Madam, " * 50, BadAudio),
        (wav(np.zeros(0, dtype=np.int16)), BadAudio),
        (b"\x89PNG\r\n\x1a\n" + bytes(1000), UnsupportedMedia),
        (encode(np.zeros(16000, dtype=np.int16), "ac3", "ac3", 48000), UnsupportedMedia),
        (encode(np.zeros(16000, dtype=np.int16), "avi", "mp2", 48000), UnsupportedMedia),
        (encode(np.zeros(16000, dtype=np.int16), "matroska", "ac3", 48000), UnsupportedMedia),
        (wav(np.zeros(20, dtype=np.int16), rate=1), UnsupportedMedia),
    ],
)
def test_names_what_is_wrong_with_a_file(data: bytes, error: type[SottoError]) -> None:
    with pytest.raises(error) as caught:
        read(data)
    assert caught.value.field == "file"


def test_a_video_without_sound_is_bad_audio() -> None:
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as file:
        video = file.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
        file.mux(video.encode(av.VideoFrame(64, 64, "yuv420p")))
        file.mux(video.encode(None))
    with pytest.raises(BadAudio, match="no audio track"):
        read(target.getvalue())


@pytest.mark.parametrize("seed", range(50))
def test_garbage_is_refused(seed: int) -> None:
    """Noise, bare or behind the first bytes of a real header; a few bytes of it may pass for audio nowhere."""
    rng = random.Random(seed)
    heads = [
        b"",
        b"",
        b"fLaC",
        b"OggS\0",
        b"#!AMR-WB",
        b"\x1aE\xdf\xa3",
        b"\0\0\0\x18ftypM4A ",
        b"RIFF\xff\xff\0\0WAVE",
        b"ID3\4\0\0",
    ]
    data = heads[seed % len(heads)] + rng.randbytes(rng.choice([10, 1000, 50_000]))
    for ask in (read, lambda data: probe_duration(io.BytesIO(data)), lambda data: count_channels(io.BytesIO(data))):
        with pytest.raises(SottoError):
            ask(data)


@pytest.mark.parametrize(
    "kind", ["wav/pcm_s16le", "flac/flac", "mp3/libmp3lame", "ipod/aac", "webm/libopus", "amr/libopencore_amrnb"]
)
@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_file_gives_audio_or_a_named_error(speech: Int16, kind: str, seed: int) -> None:
    container, codec = kind.split("/")
    rate = {"libopus": 48000, "libopencore_amrnb": 8000}.get(codec, 16000)
    data = bytearray(encode(speech[:16000], container, codec, rate))
    rng = random.Random(seed)
    if seed % 3 == 0:
        del data[rng.randrange(len(data)) :]
    elif seed % 3 == 1:
        del data[: rng.randrange(len(data))]
    else:
        for at in rng.choices(range(len(data)), k=30):
            data[at] = rng.randrange(256)
    with contextlib.suppress(SottoError):
        assert len(read(bytes(data))) <= MINUTE_S * 16000
