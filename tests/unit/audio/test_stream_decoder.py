import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.audio.pcm import Int16
from service.audio.stream_decoder import ENCODINGS, StreamDecoder, StreamFormat
from service.errors import BadAudio, BadRequest
from tests.unit.audio.conftest import DATA, Recording
from tests.unit.audio.encoded import cut, decode, match, stream, wav

MAX_SNAPSHOT_BYTES = 32 * 1024
EXACT = {"pcm_s16le", "pcm_f32le", "mulaw", "alaw", "flac", "wav"}

FORMATS = [
    StreamFormat("pcm_s16le", 16000, 1),
    StreamFormat("pcm_s16le", 16000, 2),
    StreamFormat("pcm_s16le", 8000, 1),
    StreamFormat("pcm_s16le", 48000, 2),
    StreamFormat("pcm_f32le", 44100, 2),
    StreamFormat("pcm_f32le", 24000, 1),
    StreamFormat("mulaw", 8000, 1),
    StreamFormat("alaw", 8000, 2),
    StreamFormat("opus", 48000, 1),
    StreamFormat("opus", 48000, 2),
    StreamFormat("ogg_opus", 48000, 1),
    StreamFormat("webm_opus", 48000, 2),
    StreamFormat("aac_adts", 44100, 1),
    StreamFormat("aac_adts", 16000, 2),
    StreamFormat("mp3", 44100, 2),
    StreamFormat("mp3", 16000, 1),
    StreamFormat("flac", 16000, 1),
    StreamFormat("flac", 48000, 2),
    StreamFormat("wav", 8000, 1),
    StreamFormat("wav", 44100, 2),
]


@dataclass(frozen=True)
class Sent:
    """A stream as the client sends it, and its decoding by one undisturbed decoder."""

    pieces: list[bytes]
    decoded: Int16


Streams = Callable[[StreamFormat], Sent]


@pytest.fixture(scope="module")
def speech(recording: Recording) -> Int16:
    return recording("human-en-vm-nobox")[: 3 * 16000]


@pytest.fixture(scope="module")
def sent(speech: Int16) -> Streams:
    @cache
    def of(fmt: StreamFormat) -> Sent:
        pieces = stream(speech, fmt)
        return Sent(pieces, decode(fmt, pieces))

    return of


def random_pieces(pieces: list[bytes], largest: int, rng: random.Random) -> list[bytes]:
    """Cut at random, except where a piece is a packet."""
    if len(pieces) > 1:
        return pieces
    return list(cut(pieces[0], iter(lambda: rng.randint(1, largest), None)))


def signal_to_noise_db(decoded: Int16, reference: Int16) -> float:
    noise = decoded.astype(float) - reference
    return float(10 * np.log10(np.sum(reference.astype(float) ** 2) / max(np.sum(noise**2), 1e-9)))


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_every_encoding_decodes_to_the_speech(fmt: StreamFormat, sent: Streams, speech: Int16) -> None:
    decoded = sent(fmt).decoded
    found = match(decoded, speech)
    assert decoded.dtype == np.int16
    assert found.correlation > 0.95
    # At 16 kHz an AAC encoder starts a frame early, 64 ms, and LAME three, 105 ms.
    assert abs(found.lag) <= (0.11 if fmt.encoding == "mp3" else 0.065) * 16000
    assert 0.65 < found.level < 1.1
    assert abs(len(decoded) - len(speech)) < 0.14 * 16000


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), largest=st.sampled_from([400, 2000, 20_000]), restart=st.floats(0.02, 0.6))
def test_cuts_and_restarts_anywhere_give_the_same_stream(
    fmt: StreamFormat,
    sent: Streams,
    seed: int,
    largest: int,
    restart: float,
) -> None:
    rng = random.Random(seed)
    original = sent(fmt)
    decoder, outputs = StreamDecoder(fmt), []
    for piece in random_pieces(original.pieces, largest, rng):
        outputs.append(decoder.feed(piece))
        if rng.random() < restart:
            snapshot = decoder.snapshot()
            assert len(snapshot) < MAX_SNAPSHOT_BYTES
            decoder = StreamDecoder.restore(fmt, snapshot)
    output = np.concatenate([*outputs, decoder.flush()])
    assert len(output) == len(original.decoded)
    if fmt.encoding in EXACT:
        np.testing.assert_array_equal(output, original.decoded)
    else:
        assert signal_to_noise_db(output, original.decoded) > 15


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_one_restart_in_the_middle_is_not_audible(fmt: StreamFormat, sent: Streams) -> None:
    original = sent(fmt)
    pieces = random_pieces(original.pieces, 1000, random.Random(1))
    decoder = StreamDecoder(fmt)
    before = [decoder.feed(piece) for piece in pieces[: len(pieces) // 2]]
    decoder = StreamDecoder.restore(fmt, decoder.snapshot())
    after = [decoder.feed(piece) for piece in pieces[len(pieces) // 2 :]]
    output = np.concatenate([*before, *after, decoder.flush()])
    # FFmpeg's AAC fills noise bands with random numbers, so no two decoders give the same samples there.
    assert signal_to_noise_db(output, original.decoded) > (20 if fmt.encoding == "aac_adts" else 50)


def test_microphone_pcm_has_a_tiny_snapshot() -> None:
    decoder = StreamDecoder(StreamFormat())
    decoder.feed(bytes(32_001))
    assert len(decoder.snapshot()) < 32


def test_a_new_decoder_can_be_saved_before_any_audio() -> None:
    for encoding in ENCODINGS:
        fmt = StreamFormat(encoding, 48000)
        decoder = StreamDecoder.restore(fmt, StreamDecoder(fmt).snapshot())
        assert len(decoder.feed(b"")) == 0


def test_pre_skip_is_dropped(speech: Int16) -> None:
    """libopus starts 6.5 ms early; RFC 7845 has the decoder drop that."""
    fmt = StreamFormat("ogg_opus", 48000)
    assert match(decode(fmt, stream(speech, fmt)), speech).lag == 0


def test_a_recorder_that_was_restarted_goes_on(sent: Streams) -> None:
    for encoding in ("ogg_opus", "webm_opus", "flac", "wav"):
        fmt = StreamFormat(encoding, 48000)
        once = sent(fmt)
        assert len(decode(fmt, once.pieces * 2)) == 2 * len(once.decoded)


def test_a_stream_that_changes_its_rate_is_followed(sent: Streams) -> None:
    slow, fast = sent(StreamFormat("aac_adts", 16000, 2)), sent(StreamFormat("aac_adts", 44100, 1))
    joined = decode(StreamFormat("aac_adts"), slow.pieces + fast.pieces)
    assert abs(len(joined) - len(slow.decoded) - len(fast.decoded)) < 1024


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("vorbis", 16000, 1), "format.encoding"),
        (("pcm_s16le", 7999, 1), "format.sample_rate"),
        (("pcm_s16le", 96000, 1), "format.sample_rate"),
        (("pcm_s16le", 16000, 0), "format.channels"),
        (("pcm_s16le", 16000, 9), "format.channels"),
    ],
)
def test_a_format_names_the_field_at_fault(arguments: tuple[str, int, int], field: str) -> None:
    with pytest.raises(BadRequest) as caught:
        StreamFormat(*arguments)
    assert caught.value.field == field


@pytest.mark.parametrize("encoding", ["ogg_opus", "webm_opus", "aac_adts", "mp3", "wav"])
def test_text_and_files_of_other_kinds_are_bad_audio(encoding: str) -> None:
    for data in (b"Dear Sir or Madam, " * 5000, (DATA / "demo.flac").read_bytes(), bytes(70_000)):
        with pytest.raises(BadAudio) as caught:
            decode(StreamFormat(encoding, 48000), [data])
        assert caught.value.field == "audio"


@pytest.mark.parametrize("rate", [1, 3999, 400_000])
def test_a_rate_that_is_damage_is_bad_audio(rate: int) -> None:
    with pytest.raises(BadAudio) as caught:
        StreamDecoder(StreamFormat("wav")).feed(wav(np.zeros(20, dtype=np.int16), rate=rate))
    assert caught.value.field == "audio"


def test_an_opus_packet_of_rubbish_is_bad_audio() -> None:
    with pytest.raises(BadAudio) as caught:
        StreamDecoder(StreamFormat("opus", 48000)).feed(b"\xff\xff\xff")
    assert caught.value.field == "audio"


def test_a_stream_of_nothing_but_metadata_ends() -> None:
    fmt = StreamFormat("webm_opus", 48000)
    header = bytes.fromhex("1A45DFA3 80 18538067 01FFFFFFFFFFFFFF")
    void = b"\xec" + (10_000 | 1 << 28).to_bytes(4, "big") + bytes(10_000)
    with pytest.raises(BadAudio, match="no audio in"):
        decode(fmt, [header] + [void] * 500)


@pytest.mark.parametrize("encoding", ["opus", "ogg_opus", "webm_opus", "aac_adts", "mp3", "flac", "wav"])
@pytest.mark.parametrize("seed", range(15))
def test_a_damaged_stream_gives_audio_or_bad_audio(encoding: str, seed: int, sent: Streams) -> None:
    fmt = StreamFormat(encoding, 48000 if encoding != "aac_adts" else 44100)
    rng = random.Random(seed)
    decoder = StreamDecoder(fmt)
    with contextlib.suppress(BadAudio):
        for piece in random_pieces(sent(fmt).pieces, 4000, rng):
            damaged = bytearray(piece)
            if rng.random() < 0.3:
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            decoder.feed(bytes(damaged))
            decoder = StreamDecoder.restore(fmt, decoder.snapshot())
        decoder.flush()
