"""MPEG audio layer III (ISO/IEC 11172-3, 13818-3 and the 2.5 extension), of a fixed or variable bit rate."""

from service.audio.demux.framed import FrameDemuxer
from service.audio.demux.packet import CodecConfig

_MPEG_1, _RESERVED = 3, 1  # values of the version field; 2 is MPEG 2, 0 is 2.5
_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
_SAMPLE_RATES = (44_100, 48_000, 32_000)  # Hz, of MPEG 1


class Mp3Demuxer(FrameDemuxer):
    kind = "MP3"
    header_bytes = 4
    config = CodecConfig("mp3")

    def frame_bytes(self, header: bytes) -> int:
        synced = header[0] == 0xFF and header[1] & 0xE6 == 0xE2
        version, rate_index, padding = header[1] >> 3 & 3, header[2] >> 2 & 3, header[2] >> 1 & 1
        if not synced or version == _RESERVED or rate_index == len(_SAMPLE_RATES):
            return 0
        kbits = (_KBITS_1 if version == _MPEG_1 else _KBITS_2)[header[2] >> 4]
        rate = _SAMPLE_RATES[rate_index] // {_MPEG_1: 1, 2: 2, 0: 4}[version]
        frame_samples = 1152 if version == _MPEG_1 else 576
        return frame_samples // 8 * kbits * 1000 // rate + padding if kbits else 0

    def same_stream(self, header: bytes, other: bytes) -> bool:
        """Version, protection and sample rate; the bit rate and stereo coding may change."""
        return header[:2] == other[:2] and header[2] & 0x0C == other[2] & 0x0C
