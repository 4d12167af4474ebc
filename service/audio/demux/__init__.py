"""Incremental demuxers: the bytes of a live stream, cut anywhere, to packets; their state can be saved."""

from service.audio.demux.adts import AdtsDemuxer
from service.audio.demux.mp3 import Mp3Demuxer
from service.audio.demux.ogg import OggDemuxer
from service.audio.demux.packet import CodecConfig, Demuxer, Packet
from service.audio.demux.raw_opus import RawOpusDemuxer
from service.audio.demux.webm import WebmDemuxer

__all__ = [
    "AdtsDemuxer",
    "CodecConfig",
    "Demuxer",
    "Mp3Demuxer",
    "OggDemuxer",
    "Packet",
    "RawOpusDemuxer",
    "WebmDemuxer",
]
