import contextlib
import itertools
import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.audio.pcm import Int16
from service.audio.stream_decoder import StreamFormat
from service.audio.wav_stream import WavStream
from service.errors import BadAudio
from tests.unit.audio.conftest import Recording
from tests.unit.audio.encoded import decode, encode, match, wav

WAV = StreamFormat("wav")
HEADER = b"RIFF\0\0\0\0WAVE"


@pytest.fixture(scope="module")
def speech(recording: Recording) -> Int16:
    return recording("human-en-vm-nobox")[: 2 * 16000]


def samples_of(stream: WavStream, data: bytes) -> Int16:
    return np.concatenate([np.zeros(0, np.int16), *(samples for _, samples in stream.feed(data))])


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if size is None else size) + body + bytes(len(body) % 2)


def fmt(tag: int = 1, channels: int = 1, bits: int = 16, frame_bytes: int = 0, extension: bytes = b"") -> bytes:
    frame_bytes = frame_bytes or channels * bits // 8
    body = struct.pack("<HHIIHH", tag, channels, 16_000, 16_000 * frame_bytes, frame_bytes, bits)
    return chunk(b"fmt ", body + extension)


@pytest.mark.parametrize(
    ("codec", "layout", "least"),
    [
        ("pcm_u8", "mono", 0.98),
        ("pcm_s16le", "stereo", 0.9999),
        ("pcm_s24le", "5.1", 0.9999),
        ("pcm_s32le", "mono", 0.9999),
        ("pcm_f32le", "7.1", 0.9999),
        ("pcm_mulaw", "mono", 0.99),
        ("pcm_alaw", "stereo", 0.99),
    ],
)
def test_every_kind_of_wav_gives_the_speech(speech: Int16, codec: str, layout: str, least: float) -> None:
    decoded = decode(WAV, [encode(speech, "wav", codec, 16_000, layout=layout)])
    found = match(decoded, speech)
    assert len(decoded) == len(speech)
    assert found.lag == 0
    assert found.correlation > least


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=30),
    restart_every=st.integers(1, 5),
    size=st.sampled_from([None, 0, 0xFFFFFFFF, 0x7FFFFFFF, 2, 1000, 64_000]),
)
def test_cuts_restarts_and_sizes_of_any_kind_change_nothing(
    speech: Int16, sizes: list[int], restart_every: int, size: int | None
) -> None:
    data = HEADER + chunk(b"LIST", b"odd") + fmt() + chunk(b"data", speech.astype("<i2").tobytes(), size)
    stream, samples, at = WavStream(), [], 0
    for count, taken in enumerate(itertools.cycle(sizes)):
        if at >= len(data):
            break
        samples.append(samples_of(stream, data[at : at + taken]))
        at += taken
        if count % restart_every == 0:
            state = stream.state()
            stream = WavStream()
            stream.load(state)
    stream.check_end()
    np.testing.assert_array_equal(np.concatenate(samples), speech)


def test_chunks_behind_the_data_are_no_audio_and_more_data_are(speech: Int16) -> None:
    first, second = speech[:8000].astype("<i2").tobytes(), speech[8000:].astype("<i2").tobytes()
    data = HEADER + fmt() + chunk(b"data", first) + chunk(b"LIST", bytes(5001)) + chunk(b"data", second, 0xFFFFFFFF)
    for size in (1, 7, 100_000):
        stream = WavStream()
        samples = [samples_of(stream, data[at : at + size]) for at in range(0, len(data), size)]
        np.testing.assert_array_equal(np.concatenate(samples), speech)


def test_data_of_odd_size_are_padded() -> None:
    data = HEADER + fmt(bits=8) + chunk(b"data", bytes([129] * 5)) + chunk(b"LIST", b"text")
    assert samples_of(WavStream(), data).tolist() == [256] * 5


def test_a_recorder_that_was_restarted_may_change_its_format(speech: Int16) -> None:
    stream = WavStream()
    pieces = stream.feed(wav(speech) + wav(speech, channels=2, rate=8000))
    assert [rate for rate, _ in pieces] == [16_000, 8_000]
    for _, samples in pieces:
        np.testing.assert_array_equal(samples, speech)


def test_the_header_is_not_kept_nor_what_is_skipped() -> None:
    stream = WavStream()
    for piece in (HEADER, b"JUNK" + struct.pack("<I", 2**20), *[bytes(2**14)] * 64, fmt(), chunk(b"data", b"", 0)):
        stream.feed(piece)
        assert len(stream.state()["buffer"]) < 12
    assert samples_of(stream, b"\1\0").tolist() == [1]


GUID_END = bytes.fromhex("000000001000800000aa00389b71")


def test_the_extensible_format_says_what_the_plain_one_does(speech: Int16) -> None:
    header = fmt(0xFFFE, extension=struct.pack("<HHIH", 22, 16, 4, 1) + GUID_END)
    data = HEADER + header + chunk(b"data", speech.astype("<i2").tobytes())
    np.testing.assert_array_equal(samples_of(WavStream(), data), speech)


@pytest.mark.parametrize(
    "refused",
    [
        b"RIFX",
        b"RIFF\0\0\0\0AVI ",
        HEADER + chunk(b"data", b"1234"),
        HEADER + chunk(b"fmt ", bytes(8)),
        HEADER + b"fmt " + struct.pack("<I", 5000),
        HEADER + fmt(tag=2, bits=4, frame_bytes=1),
        HEADER + fmt(tag=0x55),
        HEADER + fmt(bits=12, frame_bytes=2),
        HEADER + fmt(channels=0, frame_bytes=2),
        HEADER + fmt(channels=9),
        HEADER + fmt(frame_bytes=4),
    ],
)
def test_what_is_not_streamed_is_refused(refused: bytes) -> None:
    with pytest.raises(BadAudio) as caught:
        WavStream().feed(refused)
    assert caught.value.field == "audio"


def test_endless_metadata_is_refused() -> None:
    stream = WavStream()
    stream.feed(HEADER + b"JUNK\xff\xff\xff\xff")
    junk = iter(lambda: stream.feed(bytes(2**20)), None)
    with pytest.raises(BadAudio, match="no audio in"):
        list(itertools.islice(junk, 20))


def test_a_stream_that_ends_inside_its_header_is_refused(speech: Int16) -> None:
    for size in range(44):
        stream = WavStream()
        stream.feed(wav(speech)[:size])
        with pytest.raises(BadAudio):
            stream.check_end()


@pytest.mark.parametrize("seed", range(30))
def test_a_damaged_header_gives_audio_or_bad_audio(speech: Int16, seed: int) -> None:
    rng = random.Random(seed)
    broken = bytearray(wav(speech[:2000]))
    for at in rng.choices(range(60), k=3):
        broken[at] = rng.randrange(256)
    with contextlib.suppress(BadAudio):
        assert len(decode(WAV, [bytes(broken)])) <= 4 * 4000  # a fourth of the rate is still a rate
