"""Every demuxer, stream and container parser on damaged recordings: audio or BadAudio, in bounded memory, and the same
wherever the bytes are cut and another process goes on. `tools/fuzz_parsers.py` does it for hours."""

import io
from collections.abc import Callable
from functools import cache

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from service.audio.container import count_channels, probe_duration, read_file
from service.audio.stream_decoder import SNIFFED_BYTES, StreamDecoder, StreamFormat, sniff
from service.errors import BadAudio, BadRequest
from tests.security.mutations import bytes_like
from tests.unit.audio.encoded import encode, stream

STREAMS = ("ogg_opus", "webm_opus", "aac_adts", "mp3", "flac", "wav", "opus", "mulaw", "pcm_s16le", "pcm_f32le")
FILES = {"m4a": ("ipod", "aac"), "mka": ("matroska", "libopus"), "ogg": ("ogg", "libopus"), "wav": ("wav", "pcm_s16le")}
MAX_SNAPSHOT_BYTES = 48 * 1024
LONGEST_S = 60.0

fuzzed = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@cache
def speechlike() -> np.ndarray:
    return np.random.default_rng(7).integers(-9_000, 9_000, 8_000).astype(np.int16)


@cache
def stream_of(encoding: str) -> bytes:
    return b"".join(stream(speechlike(), StreamFormat(encoding)))


@cache
def file_of(kind: str) -> bytes:
    return encode(speechlike(), *FILES[kind], 48_000)


def refusal(read: Callable[[], object]) -> BadRequest | None:
    """What a parser says of bad bytes; anything else that it raises is a failure."""
    try:
        read()
    except BadRequest as error:
        return error
    return None


def decode(fmt: StreamFormat, data: bytes, size: int) -> None:
    """Every piece by another decoder, as if gateways took the stream over from each other."""
    decoder, samples = StreamDecoder(fmt), 0
    for at in range(0, len(data), size):
        samples += len(decoder.feed(data[at : at + size]))
        snapshot = decoder.snapshot()
        assert len(snapshot) <= MAX_SNAPSHOT_BYTES
        decoder = StreamDecoder.restore(fmt, snapshot)
    assert samples + len(decoder.flush()) <= LONGEST_S * 16_000


@pytest.mark.parametrize("encoding", STREAMS)
def test_a_damaged_stream_is_audio_or_bad_audio_wherever_it_is_cut(encoding: str) -> None:
    fmt = StreamFormat(encoding)

    @fuzzed
    @given(bytes_like(stream_of(encoding)), st.integers(200, 5_000))
    def fuzz(data: bytes, size: int) -> None:
        refused = refusal(lambda: decode(fmt, data, size))
        assert refused is None or (isinstance(refused, BadAudio) and refused.field == "audio")

    fuzz()


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_is_audio_or_a_refusal_that_names_the_file(kind: str) -> None:
    @fuzzed
    @given(bytes_like(file_of(kind)))
    def fuzz(data: bytes) -> None:
        for read in (probe_duration, count_channels, lambda file: [*read_file(file, max_seconds=LONGEST_S)]):
            refused = refusal(lambda read=read: read(io.BytesIO(data)))  # type: ignore[misc]
            assert refused is None or refused.field == "file"

    fuzz()


@fuzzed
@given(st.binary(min_size=1, max_size=SNIFFED_BYTES))
def test_sniffing_knows_an_encoding_or_refuses(head: bytes) -> None:
    refused = refusal(lambda: sniff(head))
    assert (sniff(head) or "wav") in STREAMS if refused is None else refused.field == "audio"


def test_a_snapshot_is_plain_data() -> None:
    """What another gateway loads is values, never code."""
    decoder = StreamDecoder(StreamFormat("flac"))
    decoder.feed(stream_of("flac")[:2_000])
    assert msgpack.unpackb(decoder.snapshot(), strict_map_key=False)
