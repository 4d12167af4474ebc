"""Some fifty uploads that are no recording, each in its own way."""

import gzip
import io
import json
import struct
import tarfile
import zipfile
import zlib

import av
import numpy as np

from tests.e2e.recordings import flac, samples
from tests.unit.audio.encoded import encode, wav

CLIP = "human-en-conf-invalid"


def uploads() -> dict[str, bytes]:
    """Name and bytes."""
    return _noise() | _cut_off() | _lying_headers() | _other_files() | _nested()


def _noise() -> dict[str, bytes]:
    noise = np.random.default_rng(4)
    return {
        "nothing": b"",
        "a zero": b"\0",
        "zeros": bytes(100_000),
        "ones": b"\xff" * 100_000,
        "half sync words": b"\xff\xfb" * 3,
        "random 1": noise.bytes(1),
        "random 100": noise.bytes(100),
        "random 5000": noise.bytes(5_000),
        "random 300000": noise.bytes(300_000),
        "line ends": b"\r\n" * 5_000,
    }


def _cut_off() -> dict[str, bytes]:
    speech = samples(CLIP)
    whole = {
        "flac": encode(speech, "flac", "flac"),
        "mp3": encode(speech, "mp3", "libmp3lame", 44_100),
        "ogg": encode(speech, "ogg", "libopus", 48_000),
        "webm": encode(speech, "webm", "libopus", 48_000),
        "adts": encode(speech, "adts", "aac", 44_100),
        "wav": wav(speech),
    }
    kept = {"flac": 42, "mp3": 40, "ogg": 60, "webm": 200, "adts": 8, "wav": 44}
    m4a = encode(speech, "ipod", "aac", 44_100)
    cut = {f"{kind} cut off": whole[kind][:size] for kind, size in kept.items()}
    return cut | {
        "m4a without its index": m4a[: len(m4a) // 2],
        "m4a of its index alone": m4a[m4a.rindex(b"moov") - 4 :],
        "flac without its head": whole["flac"][2_000:12_000],
        "ogg without its head": whole["ogg"][1_000:4_000],
    }


def _riff(
    *,
    tag: int = 1,
    channels: int = 1,
    rate: int = 16_000,
    bits: int = 16,
    size: int = 32_000,
    data: bytes = bytes(32_000),
) -> bytes:
    """A WAV whose header says what it likes."""
    block = channels * bits // 8
    head = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, tag, channels, rate, min(rate * block, 2**32 - 1), block % 2**16, bits
    )
    body = b"WAVE" + head + struct.pack("<4sI", b"data", size) + data
    return struct.pack("<4sI", b"RIFF", len(body) % 2**32) + body


def _lying_headers() -> dict[str, bytes]:
    return {
        "wav of no channels": _riff(channels=0),
        "wav of no rate": _riff(rate=0),
        "wav of 4 GHz": _riff(rate=4_000_000_000),
        "wav of 1 Hz": _riff(rate=1),
        "wav of no bits": _riff(bits=0),
        "wav of an unknown codec": _riff(tag=0x7777),
        "wav of no data": _riff(data=b""),
        "wav of 4 GiB that are not there": _riff(size=2**32 - 1, data=b""),
        "flac of no rate": b"fLaC" + bytes([0x80, 0, 0, 34]) + bytes(34) + b"\xff\xf8" * 100,
        "flac of a huge block": b"fLaC" + b"\x84\xff\xff\xff" + bytes(200),
        "mp4 of a huge box": struct.pack(">I4sQ", 1, b"moov", 2**62) + bytes(500),
        "mp4 of boxes in boxes": b"".join(struct.pack(">I4s", 8 * (60 - i), b"moov") for i in range(60)),
        "ogg of a thousand pages": (b"OggS\0\2" + bytes(20) + b"\1\x10" + bytes(16)) * 1_000,
        "webm of an endless element": b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xfe" + bytes(300),
        "amr of no frames": b"#!AMR\n",
        "id3 of 256 MiB": b"ID3\4\0\0\x7f\x7f\x7f\x7f" + bytes(300),
    }


def _video() -> bytes:
    """A picture that moves, without sound."""
    target = io.BytesIO()
    with av.open(target, "w", format="matroska") as file:
        stream = file.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return target.getvalue()


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def _other_files() -> dict[str, bytes]:
    return {
        "a letter": b"Dear Sir or Madam,\n" * 50,
        "JSON": json.dumps({"file": "speech.wav"}).encode(),
        "a web page": b"<!DOCTYPE html><html><body>audio</body></html>",
        "a drawing": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="1"/></svg>',
        "a document": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n",
        "a program": b"\x7fELF\2\1\1" + bytes(200),
        "a picture": _png(),
        "a video": _video(),
        "subtitles": b"1\n00:00:00,000 --> 00:00:02,000\nHello\n\n",
        "a playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
    }


def _nested() -> dict[str, bytes]:
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("speech.flac", flac(CLIP))
    with tarfile.open(fileobj=tarred, mode="w") as archive:
        entry = tarfile.TarInfo("speech.flac")
        entry.size = len(flac(CLIP))
        archive.addfile(entry, io.BytesIO(flac(CLIP)))
    return {
        "zip of a recording": zipped.getvalue(),
        "tar of a recording": tarred.getvalue(),
        "gzip of a recording": gzip.compress(flac(CLIP)),
        "a list of files to join": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "a description of a session": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 0\r\n",
        "a manifest": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"></MPD>',
    }
