"""AAC in ADTS frames (ISO/IEC 13818-7, 1.A.2)."""

from service.audio.demux.framed import FrameDemuxer
from service.audio.demux.packet import CodecConfig

_SAMPLE_RATES = 13  # indices 0..12 of the frequency table are in use


class AdtsDemuxer(FrameDemuxer):
    kind = "ADTS"
    header_bytes = 7
    config = CodecConfig("aac")

    def frame_bytes(self, header: bytes) -> int:
        synced = header[0] == 0xFF and header[1] & 0xF6 == 0xF0
        length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        valid = synced and (header[2] >> 2 & 0xF) < _SAMPLE_RATES and length > self.header_bytes
        return length if valid else 0

    def same_stream(self, header: bytes, other: bytes) -> bool:
        """Version, profile, sample rate and channels."""
        return header[:2] == other[:2] and header[2] & 0xFD == other[2] & 0xFD and header[3] & 0xC0 == other[3] & 0xC0
