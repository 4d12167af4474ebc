import contextlib
import io
import itertools
import random

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.audio.demux.flac import crc16, frame_header
from service.audio.flac_stream import MAX_FRAME_BYTES, FlacStream
from service.audio.pcm import Int16
from service.audio.stream_decoder import StreamFormat
from service.errors import BadAudio
from tests.unit.audio.conftest import Recording
from tests.unit.audio.encoded import decode, encode, match

FLAC = StreamFormat("flac")
BLOCK = 1152  # samples in a frame of FFmpeg's encoder at 16 kHz


@pytest.fixture(scope="module")
def speech(recording: Recording) -> Int16:
    return recording("human-en-vm-nobox")[: 3 * 16000]


@pytest.fixture(scope="module")
def data(speech: Int16) -> bytes:
    return encode(speech, "flac", "flac", 16_000)


def frames_of(data: bytes) -> list[bytes]:
    """The frames as FFmpeg's parser cuts them."""
    with av.open(io.BytesIO(data)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def header_of(data: bytes) -> bytes:
    """All that is before the first frame."""
    return data[: data.index(frames_of(data)[0])]


def samples_of(stream: FlacStream, data: bytes) -> Int16:
    return np.concatenate([np.zeros(0, np.int16), *(samples for _, samples in stream.feed(data))])


def block(kind: int, body: bytes, *, last: bool = False) -> bytes:
    return bytes([kind | (0x80 if last else 0)]) + len(body).to_bytes(3, "big") + body


def test_the_checksums_of_every_frame_are_right(data: bytes) -> None:
    for frame in frames_of(data):
        length = frame_header(frame, 0)
        assert length
        assert [frame_header(frame[:size], 0) for size in range(length)] == [None] * length
        assert crc16(frame) == 0
        assert crc16(frame[:-1]) != 0
        assert frame_header(bytes([*frame[:3], frame[3] ^ 0x10, *frame[4:]]), 0) == 0


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=30), restart_every=st.integers(1, 5))
def test_cuts_and_restarts_anywhere_change_nothing(
    data: bytes, speech: Int16, sizes: list[int], restart_every: int
) -> None:
    stream, samples, at = FlacStream(), [], 0
    for count, size in enumerate(itertools.cycle(sizes)):
        if at >= len(data):
            break
        samples.append(samples_of(stream, data[at : at + size]))
        at += size
        if count % restart_every == 0:
            state = stream.state()
            stream = FlacStream()
            stream.load(state)
    np.testing.assert_array_equal(np.concatenate(samples), speech)


def test_a_frame_comes_with_its_last_byte(data: bytes) -> None:
    stream = FlacStream()
    stream.feed(header_of(data))
    for frame in frames_of(data):
        assert stream.feed(frame[:-1]) == []
        assert len(samples_of(stream, frame[-1:])) > 0
        assert len(stream.state()["buffer"]) == 0


@pytest.mark.parametrize(
    ("rate", "layout", "bits"), [(48000, "stereo", "s32"), (44100, "5.1", "s16"), (96000, "mono", "s32")]
)
def test_other_rates_widths_and_channels(speech: Int16, rate: int, layout: str, bits: str) -> None:
    decoded = decode(FLAC, [encode(speech, "flac", "flac", rate, layout=layout, format=bits)])
    assert match(decoded, speech).correlation > 0.999


def test_the_state_is_small_with_the_largest_frames_of_noise() -> None:
    noise = np.random.default_rng(1).integers(-(2**15), 2**15, 48_000).astype(np.int16)
    data = encode(noise, "flac", "flac", 48_000, layout="stereo")
    stream, largest = FlacStream(), 0
    for at in range(0, len(data), 500):
        stream.feed(data[at : at + 500])
        largest = max(largest, len(stream.state()["buffer"]))
    assert max(map(len, frames_of(data))) - 500 <= largest < MAX_FRAME_BYTES


def test_pictures_and_comments_are_skipped_and_not_kept(data: bytes, speech: Int16) -> None:
    first, rest = header_of(data)[:42], b"".join(frames_of(data))
    first = first[:4] + bytes([first[4] & 0x7F]) + first[5:]
    picture, comment = block(6, bytes(2**20)), block(4, b"title", last=True)
    stream, samples = FlacStream(), []
    whole = first + picture + comment + rest
    for at in range(0, len(whole), 1000):
        samples.append(samples_of(stream, whole[at : at + 1000]))
        assert len(stream.state()["buffer"]) < 10_000
    np.testing.assert_array_equal(np.concatenate(samples), speech)


@pytest.mark.parametrize("cut_at", range(6))
def test_a_recorder_that_was_restarted_goes_on_wherever_the_marker_is_cut(
    data: bytes, speech: Int16, cut_at: int
) -> None:
    stream = FlacStream()
    samples = [samples_of(stream, data), samples_of(stream, data[:cut_at]), samples_of(stream, data[cut_at:])]
    np.testing.assert_array_equal(np.concatenate(samples), np.tile(speech, 2))


@pytest.mark.parametrize("size", [300, 5000, 100_000])
def test_a_damaged_frame_costs_itself_and_a_few_after_it(data: bytes, speech: Int16, size: int) -> None:
    frames = frames_of(data)
    damaged = bytearray(frames[10])
    damaged[len(damaged) // 2] ^= 0x55
    broken = header_of(data) + b"".join([*frames[:10], bytes(damaged), *frames[11:]])
    stream = FlacStream()
    samples = np.concatenate([samples_of(stream, broken[at : at + size]) for at in range(0, len(broken), size)])
    assert len(speech) - 4 * BLOCK <= len(samples) < len(speech)
    np.testing.assert_array_equal(samples[: 10 * BLOCK], speech[: 10 * BLOCK])
    np.testing.assert_array_equal(samples[-20 * BLOCK :], speech[-20 * BLOCK :])


def test_lost_bytes_are_got_over(data: bytes, speech: Int16) -> None:
    half = len(data) // 2
    for lost in (1, 100, 3000):
        samples = samples_of(FlacStream(), data[:half] + data[half + lost :])
        assert len(samples) > 0.75 * len(speech)


def test_bytes_that_pass_for_a_header_do_not_end_a_frame(data: bytes, speech: Int16) -> None:
    """Noise as it is (verbatim subframes) with a real header in its midst."""
    header = frames_of(data)[0][: frame_header(frames_of(data)[0], 0)]
    noise = np.random.default_rng(2).integers(-(2**15), 2**15, 16_000).astype(np.int16)
    planted = np.frombuffer(header + bytes(len(header) % 2), dtype=">i2")
    noise[1000 : 1000 + len(planted)] = planted
    encoded = encode(noise, "flac", "flac", 16_000)
    assert encoded.count(header) == 2
    np.testing.assert_array_equal(samples_of(FlacStream(), encoded), noise)


INFO = block(0, bytes(34), last=True)


@pytest.mark.parametrize(
    "refused",
    [
        b"Dear Sir or Madam",
        b"fLaX",
        b"ID3\4\0",
        b"fLaC" + block(4, b"title"),
        b"fLaC" + block(0, bytes(33), last=True),
        b"fLaC" + INFO + bytes(70_000),
        b"fLaC" + INFO + b"\xff\xf8\x69\x08" * 20_000,
    ],
)
def test_what_is_not_flac_is_refused(refused: bytes) -> None:
    with pytest.raises(BadAudio) as caught:
        FlacStream().feed(refused)
    assert caught.value.field == "audio"


def test_endless_metadata_is_refused() -> None:
    stream = FlacStream()
    stream.feed(b"fLaC" + block(0, bytes(34)))
    padding = iter(lambda: stream.feed(block(1, bytes(2**20))), None)
    with pytest.raises(BadAudio, match="no FLAC frame"):
        list(itertools.islice(padding, 20))


def test_a_stream_that_ends_inside_its_header_is_refused(data: bytes) -> None:
    for size in (0, 3, 20, 60):
        stream = FlacStream()
        stream.feed(data[:size])
        with pytest.raises(BadAudio):
            stream.check_end()


@pytest.mark.parametrize("seed", range(20))
def test_damage_anywhere_gives_audio_or_bad_audio_and_keeps_little(data: bytes, seed: int) -> None:
    rng = random.Random(seed)
    broken = bytearray(data)
    for at in rng.choices(range(len(data)), k=rng.choice([1, 30, 3000])):
        broken[at] = rng.randrange(256)
    stream = FlacStream()
    with contextlib.suppress(BadAudio):
        for at in range(0, len(broken), 700):
            stream.feed(bytes(broken[at : at + 700]))
            assert len(stream.state()["buffer"]) <= MAX_FRAME_BYTES
