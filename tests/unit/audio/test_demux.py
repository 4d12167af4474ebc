import io
import itertools
from collections.abc import Callable
from functools import cache

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.audio.demux import AdtsDemuxer, Demuxer, Mp3Demuxer, OggDemuxer, RawOpusDemuxer, WebmDemuxer
from service.audio.demux.packet import MAX_PACKET_BYTES
from service.audio.pcm import Int16
from service.errors import BadAudio
from tests.unit.audio.conftest import Recording
from tests.unit.audio.encoded import encode

OGG_HEAD = b"OpusHead\1\1\x38\1\x80\xbb\0\0\0\0\0"
EBML_HEAD = bytes.fromhex("1A45DFA3 80")
SEGMENT, CLUSTER = bytes.fromhex("18538067 01FFFFFFFFFFFFFF"), bytes.fromhex("1F43B675 01FFFFFFFFFFFFFF")


@pytest.fixture(scope="module")
def speech(recording: Recording) -> Int16:
    return recording("human-en-vm-nobox")


Encoded = Callable[[str, str], bytes]


@pytest.fixture(scope="module")
def encoded(speech: Int16) -> Encoded:
    """The speech in a container by a codec, encoded once."""
    return cache(lambda container, codec: encode(speech, container, codec, 48_000))


def ogg_page(lacing: bytes, body: bytes, flags: int = 0, serial: int = 7) -> bytes:
    return (
        b"OggS\0"
        + bytes([flags])
        + bytes(8)
        + serial.to_bytes(4, "little")
        + bytes(8)
        + bytes([len(lacing)])
        + lacing
        + body
    )


def element(identifier: str, body: bytes) -> bytes:
    return bytes.fromhex(identifier) + (len(body) | 1 << 28).to_bytes(4, "big") + body


def opus_track(number: int = 1, extra: bytes = b"") -> bytes:
    entry = element("D7", bytes([number])) + element("86", b"A_OPUS") + element("63A2", OGG_HEAD) + extra
    return element("1654AE6B", element("AE", entry))


def packets_of(demuxer: Demuxer, data: bytes) -> list[bytes]:
    return [packet.data for packet in demuxer.feed(data)]


def expected_packets(data: bytes) -> list[bytes]:
    """The packets as FFmpeg's demuxer finds them."""
    with av.open(io.BytesIO(data)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize(
    ("demuxer", "container", "codec"),
    [(OggDemuxer, "ogg", "libopus"), (WebmDemuxer, "webm", "libopus"), (WebmDemuxer, "matroska", "libopus")],
)
def test_finds_the_packets_that_ffmpeg_finds(speech: Int16, demuxer: type[Demuxer], container: str, codec: str) -> None:
    data = encode(speech, container, codec, 48_000)
    assert packets_of(demuxer(), data) == expected_packets(data)


def test_finds_every_adts_frame(speech: Int16) -> None:
    data = encode(speech, "adts", "aac", 16_000)
    packets = packets_of(AdtsDemuxer(), data)
    assert b"".join(packets) == data
    assert len(packets) == -(-len(speech) // 1024) + 1


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=30), restart_every=st.integers(1, 5))
@pytest.mark.parametrize(
    ("make", "container", "codec"),
    [
        (OggDemuxer, "ogg", "libopus"),
        (WebmDemuxer, "webm", "libopus"),
        (AdtsDemuxer, "adts", "aac"),
        (Mp3Demuxer, "mp3", "libmp3lame"),
    ],
)
def test_cuts_and_restarts_anywhere_change_nothing(
    encoded: Encoded, make: type[Demuxer], container: str, codec: str, sizes: list[int], restart_every: int
) -> None:
    data = encoded(container, codec)
    demuxer, packets, at = make(), [], 0
    for count, size in enumerate(itertools.cycle(sizes)):
        if at >= len(data):
            break
        packets += packets_of(demuxer, data[at : at + size])
        at += size
        if count % restart_every == 0:
            state = demuxer.state()
            demuxer = make()
            demuxer.load(state)
    assert packets == packets_of(make(), data)


def test_ogg_packets_come_before_their_page_is_complete() -> None:
    demuxer = OggDemuxer()
    demuxer.feed(ogg_page(bytes([19]), OGG_HEAD, flags=2) + ogg_page(b"\x08", b"OpusTags"))
    page = ogg_page(b"\x03\x03", b"onetwo")
    assert packets_of(demuxer, page[:-1]) == [b"one"]
    assert packets_of(demuxer, page[-1:]) == [b"two"]


def test_an_ogg_packet_may_go_on_over_pages_and_tags_may_be_huge() -> None:
    demuxer = OggDemuxer()
    tags = [ogg_page(b"\xff" * 255, bytes(255 * 255), flags=0 if n == 0 else 1) for n in range(20)]
    packets = packets_of(demuxer, ogg_page(bytes([19]), OGG_HEAD, flags=2) + b"".join(tags))
    packets += packets_of(demuxer, ogg_page(b"\x05", b"tags.", flags=1))
    packets += packets_of(demuxer, ogg_page(b"\xff\xff", b"a" * 510) + ogg_page(b"\x01\x02", b"abb", flags=1))
    assert packets == [b"a" * 511, b"bb"]
    assert len(str(demuxer.state())) < 500


def test_other_streams_in_the_ogg_are_ignored_and_chains_followed() -> None:
    demuxer = OggDemuxer()
    data = (
        ogg_page(b"\x07", b"\1vorbis", flags=2, serial=1)
        + ogg_page(bytes([19]), OGG_HEAD, flags=2, serial=2)
        + ogg_page(b"\x03", b"xyz", serial=1)
        + ogg_page(b"\x08", b"OpusTags", serial=2)
        + ogg_page(b"\x03", b"one", flags=4, serial=2)
        + ogg_page(bytes([19]), OGG_HEAD, flags=2, serial=3)
        + ogg_page(b"\x08", b"OpusTags", serial=3)
        + ogg_page(b"\x03", b"two", serial=3)
    )
    packets = demuxer.feed(data)
    assert [packet.data for packet in packets] == [b"one", b"two"]
    assert packets[0].config != packets[1].config


def test_webm_with_clusters_of_unknown_size_other_tracks_and_groups() -> None:
    video = element("A3", bytes([0x82, 0, 0, 0]) + bytes(50_000))
    group = element("A0", element("A1", bytes([0x81, 0, 0, 0]) + b"two") + element("9B", b"\x14"))
    demuxer = WebmDemuxer()
    data = EBML_HEAD + SEGMENT + opus_track() + CLUSTER + element("E7", b"\0")
    data += element("A3", bytes([0x81, 0, 0, 0x80]) + b"one") + video + group + CLUSTER
    packets = [packet for byte in data for packet in packets_of(demuxer, bytes([byte]))]
    assert packets == [b"one", b"two"]


def test_a_restarted_recorder_begins_a_new_stream() -> None:
    recording = EBML_HEAD + SEGMENT + opus_track() + CLUSTER + element("A3", bytes([0x81, 0, 0, 0]) + b"one")
    packets = WebmDemuxer().feed(recording * 2)
    assert [packet.data for packet in packets] == [b"one", b"one"]
    assert packets[0].config != packets[1].config


@pytest.mark.parametrize(("rate", "bit_rate"), [(44_100, 128_000), (48_000, 32_000), (22_050, 64_000), (8_000, 8_000)])
def test_finds_every_mp3_frame(speech: Int16, rate: int, bit_rate: int) -> None:
    data = encode(speech, "mp3", "libmp3lame", rate, bit_rate=bit_rate)
    packets = packets_of(Mp3Demuxer(), data)
    assert data.endswith(b"".join(packets))
    assert packets[1:] == expected_packets(data)  # FFmpeg takes the first, LAME's, for a header


def test_adts_skips_what_is_before_the_first_frame(speech: Int16) -> None:
    data = encode(speech, "adts", "aac", 16_000)
    frames = packets_of(AdtsDemuxer(), data)
    assert packets_of(AdtsDemuxer(), b"ID3\4\0\0\0\0\0\x0a0123456789" + data) == frames
    assert packets_of(AdtsDemuxer(), data[5:]) == frames[1:]


@pytest.mark.parametrize(
    ("demuxer", "data"),
    [
        (OggDemuxer, b"Dear Sir or Madam"),
        (OggDemuxer, b"OggX"),
        (OggDemuxer, b"OggS\1" + bytes(30)),
        (OggDemuxer, ogg_page(b"\x05", b"audio")),
        (OggDemuxer, ogg_page(b"\x07", b"\1vorbis", flags=2) + ogg_page(b"\x05", b"audio")),
        (OggDemuxer, ogg_page(bytes([19]), b"OpusHead" + bytes([255] * 11), flags=2)),
        (
            OggDemuxer,
            ogg_page(bytes([19]), OGG_HEAD, flags=2) + ogg_page(b"\1", b"t") + ogg_page(b"\xff" * 255, bytes(65025)),
        ),
        (WebmDemuxer, b"RIFF"),
        (WebmDemuxer, b"\0"),
        (WebmDemuxer, EBML_HEAD + SEGMENT + CLUSTER),
        (WebmDemuxer, EBML_HEAD + SEGMENT + element("A3", bytes(8))),
        (WebmDemuxer, EBML_HEAD + bytes.fromhex("EC 01000FFFFFFFFFFF")),
        (WebmDemuxer, EBML_HEAD + SEGMENT + opus_track() + CLUSTER + bytes.fromhex("A3 01FFFFFFFFFFFFFF")),
        (WebmDemuxer, EBML_HEAD + SEGMENT + opus_track() + CLUSTER + element("A3", bytes([0x81, 0, 0, 2]) + b"laced")),
        (
            WebmDemuxer,
            EBML_HEAD + SEGMENT + opus_track() + CLUSTER + element("A3", b"\x81\0\0\0" + bytes(MAX_PACKET_BYTES)),
        ),
        (WebmDemuxer, EBML_HEAD + SEGMENT + opus_track(extra=element("6D80", b"zlib")) + CLUSTER),
        (WebmDemuxer, EBML_HEAD + SEGMENT + element("1654AE6B", element("AE", element("63A2", bytes(5000))))),
        (AdtsDemuxer, bytes(70_000)),
        (AdtsDemuxer, b"\xff\xf1" * 40_000),
        (Mp3Demuxer, bytes(70_000)),
        (Mp3Demuxer, b"\xff\xfb" * 40_000),
        (RawOpusDemuxer, bytes(MAX_PACKET_BYTES + 1)),
    ],
)
def test_what_is_not_the_format_is_refused(demuxer: type[Demuxer], data: bytes) -> None:
    with pytest.raises(BadAudio) as caught:
        demuxer().feed(data)
    assert caught.value.field == "audio"


@pytest.mark.parametrize("demuxer", [OggDemuxer, WebmDemuxer])
def test_a_stream_that_ends_inside_its_header_is_refused(demuxer: type[Demuxer]) -> None:
    unfinished = demuxer()
    unfinished.feed(b"Ogg" if demuxer is OggDemuxer else EBML_HEAD)
    with pytest.raises(BadAudio):
        unfinished.check_end()
