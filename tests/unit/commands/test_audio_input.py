import io
import struct
import wave
from pathlib import Path

import pytest
from sotto_client import AudioFormat

from service.commands.audio_input import file_input, stdin_input
from service.errors import BadAudio, UnsupportedMedia

CLIP = Path(__file__).parents[2] / "data" / "human-en-vm-nobox.flac"
RAW = AudioFormat("mulaw", 8000, 1)
SOUND = bytes(range(256)) * 50


def wav(
    data: bytes, *, tag: int = 1, bits: int = 16, rate: int = 16_000, size: int | None = None, extra: bytes = b""
) -> bytes:
    block = bits // 8
    fmt = struct.pack("<HHIIHH", tag, 1, rate, rate * block, block, bits) + extra
    head = b"WAVE" + b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"LIST" + struct.pack("<I", 3) + b"abc\0"
    return (
        b"RIFF"
        + struct.pack("<I", 0xFFFFFFFF)
        + head
        + b"data"
        + struct.pack("<I", len(data) if size is None else size)
        + data
    )


def read(data: bytes) -> tuple[AudioFormat, bytes]:
    audio = stdin_input(io.BytesIO(data), RAW)
    return audio.format, b"".join(audio.chunks)


def test_wav_of_the_standard_library_is_read() -> None:
    written = io.BytesIO()
    with wave.open(written, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(44_100)
        out.writeframes(SOUND)
    assert read(written.getvalue()) == (AudioFormat("pcm_s16le", 44_100, 2), SOUND)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x80000000, 0x7FFFFFFF - 44])
def test_wav_of_unknown_length_is_read_to_its_end(size: int) -> None:
    assert read(wav(SOUND, size=size)) == (AudioFormat("pcm_s16le", 16_000, 1), SOUND)


def test_what_follows_the_data_of_a_wav_is_not_audio() -> None:
    assert read(wav(SOUND, size=len(SOUND)) + b"LIST\4\0\0\0tags")[1] == SOUND


@pytest.mark.parametrize(
    ("tag", "bits", "encoding"), [(3, 32, "pcm_f32le"), (6, 8, "alaw"), (7, 8, "mulaw"), (1, 16, "pcm_s16le")]
)
def test_wav_encodings(tag: int, bits: int, encoding: str) -> None:
    assert read(wav(SOUND, tag=tag, bits=bits))[0].encoding == encoding


def test_extensible_wav_names_its_encoding_behind() -> None:
    extra = struct.pack("<HHIH", 22, 32, 0, 3) + bytes(14)
    assert read(wav(SOUND, tag=0xFFFE, bits=32, extra=extra))[0].encoding == "pcm_f32le"


def test_wav_of_24_bits_says_what_to_do() -> None:
    with pytest.raises(UnsupportedMedia, match=r"24-bit.*S16_LE"):
        read(wav(SOUND, bits=24))


@pytest.mark.parametrize("end", [20, 30, 40])
def test_broken_wav_is_bad_audio(end: int) -> None:
    with pytest.raises(BadAudio):
        read(wav(SOUND)[:end])


@pytest.mark.parametrize("data", [SOUND, b"", b"RIF", b"RIFF", SOUND[:12]])
def test_anything_else_is_raw(data: bytes) -> None:
    assert read(data) == (RAW, data)


def test_raw_chunks_are_a_tenth_of_a_second() -> None:
    audio = stdin_input(io.BytesIO(SOUND), RAW)
    assert [len(chunk) for chunk in audio.chunks][1:4] == [800, 800, 800]
    assert audio.bytes_per_second == 8000


def test_file_is_decoded_to_16_khz() -> None:
    audio = file_input(CLIP)
    data = b"".join(audio.chunks)
    assert audio.format == AudioFormat("pcm_s16le", 16_000, 1)
    assert len(data) / audio.bytes_per_second == pytest.approx(5.164, abs=0.01)
