import pytest

from service.audio.pcm import Int16
from service.audio.stream_decoder import SNIFFED_BYTES, StreamFormat, sniff
from service.errors import BadAudio
from tests.unit.audio.conftest import Recording
from tests.unit.audio.encoded import encode, stream

CONTAINERS = ["wav", "flac", "ogg_opus", "webm_opus", "aac_adts", "mp3"]


@pytest.fixture(scope="module")
def speech(recording: Recording) -> Int16:
    return recording("human-en-vm-nobox")[:16000]


@pytest.mark.parametrize("encoding", CONTAINERS)
def test_a_stream_is_known_by_its_first_bytes(speech: Int16, encoding: str) -> None:
    data = stream(speech, StreamFormat(encoding, 48000))[0]
    told = [sniff(data[:size]) for size in range(SNIFFED_BYTES + 1)]
    known = told.index(encoding)
    assert told == [None] * known + [encoding] * (SNIFFED_BYTES + 1 - known)


def test_mp3_behind_a_tag_is_known() -> None:
    assert sniff(b"ID3\4\0\0\0\0\0\x0a0123456789") == "mp3"


@pytest.mark.parametrize(
    ("container", "codec"), [("ogg", "flac"), ("avi", "pcm_s16le"), ("ipod", "aac"), ("aiff", "pcm_s16be")]
)
def test_containers_and_codecs_that_do_not_stream_are_refused(speech: Int16, container: str, codec: str) -> None:
    with pytest.raises(BadAudio) as caught:
        sniff(encode(speech, container, codec, 48000)[:SNIFFED_BYTES])
    assert caught.value.field == "audio"


@pytest.mark.parametrize("data", [b"Hi", b"Dear Sir or Madam", bytes(64), b"\xff" * 64, b"\xff\xf9" + bytes(62)])
def test_what_is_no_container_is_refused(data: bytes) -> None:
    with pytest.raises(BadAudio):
        sniff(data)
