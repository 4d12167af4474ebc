"""What FLAC frames lie in (RFC 9639): metadata, frame headers, checksums.

A frame does not say how long it is: it ends where its CRC-16 is right and the next frame begins, or the data end.
"""

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from service.audio.demux.packet import bad_audio

MARKER = b"fLaC"
SYNC = re.compile(rb"\xff[\xf8\xf9]")
_BLOCK_HEADER_BYTES = 4
_STREAMINFO, _STREAMINFO_BYTES = 0, 34
_LAST_BLOCK = 0x80
_MIN_HEADER_BYTES = 6
_BLOCK_SIZE_BYTES = {6: 1, 7: 2}  # that follow the coded number, by code
_SAMPLE_RATE_BYTES = {12: 1, 13: 2, 14: 2}
_CRC8_POLYNOMIAL, _CRC16_POLYNOMIAL = 0x07, 0x8005
_ROW = 256  # bytes whose share of a CRC-16 is looked up at once


class Metadata:
    """The marker and the blocks before the first frame, of which only STREAMINFO, the first, is kept."""

    def __init__(self) -> None:
        self.info = b""
        self._marked = False
        self._last = False
        self._to_skip = 0

    @property
    def complete(self) -> bool:
        return self._last and not self._to_skip

    def read(self, data: bytes, at: int) -> int:
        """How far `data` was read from `at` on: to the first frame, or as far as it reaches. Raises BadAudio."""
        while not self.complete:
            begin = at
            if self._to_skip:
                at = min(at + self._to_skip, len(data))
                self._to_skip -= at - begin
            elif self._marked:
                at = self._read_block(data, at)
            else:
                at = self._read_marker(data, at)
            if at == begin:
                break
        return at

    def _read_marker(self, data: bytes, at: int) -> int:
        marker = data[at : at + len(MARKER)]
        if not MARKER.startswith(marker):
            raise bad_audio("the data is not FLAC: it does not start with fLaC")
        self._marked = marker == MARKER
        return at + len(marker) if self._marked else at

    def _read_block(self, data: bytes, at: int) -> int:
        body = at + _BLOCK_HEADER_BYTES
        if len(data) < body:
            return at
        kind, size = data[at] & ~_LAST_BLOCK, int.from_bytes(data[at + 1 : body], "big")
        if (kind == _STREAMINFO and size != _STREAMINFO_BYTES) or (kind != _STREAMINFO and not self.info):
            raise bad_audio("the FLAC stream does not begin with a STREAMINFO block")
        if kind == _STREAMINFO:
            if len(data) < body + size:
                return at
            self.info = data[body : body + size]
            body += size
        else:
            self._to_skip = size
        self._last = bool(data[at] & _LAST_BLOCK)
        return body

    def state(self) -> list[Any]:
        return [self.info, self._marked, self._last, self._to_skip]

    def load(self, state: list[Any]) -> None:
        self.info, self._marked, self._last, self._to_skip = state


def frame_header(data: bytes, at: int) -> int | None:
    """Length of the frame header at `at`; 0 when there is none, None when it is cut off."""
    if len(data) < at + _MIN_HEADER_BYTES:
        return None
    block_size, sample_rate = data[at + 2] >> 4, data[at + 2] & 0xF
    channels, sample_size = data[at + 3] >> 4, data[at + 3] >> 1 & 7
    reserved = block_size == 0 or sample_rate == 15 or channels > 10 or sample_size == 3 or data[at + 3] & 1
    number = _coded_number_bytes(data[at + 4])
    if not SYNC.match(data, at) or reserved or number == 0:
        return 0
    length = 5 + number + _BLOCK_SIZE_BYTES.get(block_size, 0) + _SAMPLE_RATE_BYTES.get(sample_rate, 0)
    if len(data) < at + length:
        return None
    return length if _crc8(data[at : at + length]) == 0 else 0


def _coded_number_bytes(first: int) -> int:
    """Length of the frame's number, coded as UTF-8 codes characters, by its first byte; 0 when it is no such byte."""
    ones = 8 - (first ^ 0xFF).bit_length()
    return {0: 1, 1: 0, 8: 0}.get(ones, ones)


def _crc8_table() -> bytes:
    crcs = []
    for crc in range(256):
        for _ in range(8):
            crc = (crc << 1 ^ (_CRC8_POLYNOMIAL if crc & 0x80 else 0)) & 0xFF
        crcs.append(crc)
    return bytes(crcs)


_CRC8 = _crc8_table()


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


def _crc16_tables() -> npt.NDArray[np.uint16]:
    """[distance, byte]: what a byte with so many bytes behind it adds to the CRC-16."""
    table = np.arange(256, dtype=np.uint16) << 8
    for _ in range(8):
        table = table << 1 ^ np.where(table & 0x8000, _CRC16_POLYNOMIAL, 0).astype(np.uint16)
    tables = [table]
    while len(tables) < _ROW:
        tables.append(tables[-1] << 8 ^ table[tables[-1] >> 8])
    return np.stack(tables)


_CRC16 = _crc16_tables()
_DISTANCES = np.arange(_ROW - 1, -1, -1)


def crc16(data: bytes) -> int:
    """0 over a whole frame, whose last two bytes are the CRC-16 of the others."""
    padded = bytes(-len(data) % _ROW) + data  # zeros in front change nothing
    rows = np.frombuffer(padded, dtype=np.uint8).reshape(-1, _ROW)
    crc = 0
    for share in np.bitwise_xor.reduce(_CRC16[_DISTANCES, rows], axis=1).tolist():
        crc = int(_CRC16[_ROW - 1, crc >> 8]) ^ int(_CRC16[_ROW - 2, crc & 0xFF]) ^ share
    return crc
