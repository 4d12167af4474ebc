"""A little that becomes a lot when it is decoded."""

import struct

LONGEST_FLAC_FRAME = 65_535  # samples


def flac(frames: int, rate: int) -> bytes:
    """Frames of the longest kind that hold one constant: 13 bytes each."""
    size = struct.pack(">HH", LONGEST_FLAC_FRAME, LONGEST_FLAC_FRAME)
    info = size + bytes(6) + (rate << 44 | 15 << 36).to_bytes(8, "big") + bytes(16)
    return b"fLaC\x80\0\0\x22" + info + b"".join(_flac_frame(number % 128) for number in range(frames))


def _flac_frame(number: int) -> bytes:
    header = bytes([0xFF, 0xF8, 0x70, 0x08, number]) + struct.pack(">H", LONGEST_FLAC_FRAME - 1)
    body = header + bytes([_crc(header, 8, 0x07)]) + bytes(3)
    return body + struct.pack(">H", _crc(body, 16, 0x8005))


def _crc(data: bytes, bits: int, polynomial: int) -> int:
    crc, top = 0, 1 << bits - 1
    for byte in data:
        crc ^= byte << bits - 8
        for _ in range(8):
            crc = (crc << 1 ^ (polynomial if crc & top else 0)) & 2 * top - 1
    return crc


def ogg_opus(packets: int) -> bytes:
    """Packets of two bytes that stand for 120 ms each."""
    head = b"OpusHead" + bytes([1, 1, 0, 0]) + struct.pack("<I", 48_000) + bytes(3)
    packet = bytes([3 << 3 | 3, 2])  # two frames of 60 ms and no bytes
    pages = [_page([head], 2), _page([b"OpusTags" + bytes(8)], 0)]
    pages += [_page([packet] * min(255, packets - at), 0) for at in range(0, packets, 255)]
    return b"".join(pages)


def _page(packets: list[bytes], flags: int) -> bytes:
    lacing = bytes(map(len, packets))
    return b"OggS\0" + bytes([flags]) + bytes(20) + bytes([len(lacing)]) + lacing + b"".join(packets)
