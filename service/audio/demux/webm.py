"""WebM (EBML, RFC 8794; Matroska, RFC 9559) with an Opus track, as MediaRecorder writes it live.

Element IDs are unique, so the tree is read as a flat list: master elements are entered and their sizes ignored,
which makes clusters of unknown size a plain case. Everything not needed is skipped without being kept.
"""

from typing import Any

from service.audio.demux.packet import (
    MAX_PACKET_BYTES,
    CodecConfig,
    Packet,
    bad_audio,
    opus_config,
    pack_config,
    unpack_config,
)

_EBML = 0x1A45DFA3
_SEGMENT, _CLUSTER, _BLOCK_GROUP, _TRACKS, _TRACK_ENTRY = 0x18538067, 0x1F43B675, 0xA0, 0x1654AE6B, 0xAE
_MASTERS = {_SEGMENT, _CLUSTER, _BLOCK_GROUP, _TRACKS, _TRACK_ENTRY}
_TRACK_NUMBER, _CODEC_ID, _CODEC_PRIVATE, _CONTENT_ENCODINGS = 0xD7, 0x86, 0x63A2, 0x6D80
_TRACK_FIELDS = {_TRACK_NUMBER, _CODEC_ID, _CODEC_PRIVATE, _CONTENT_ENCODINGS}
_BLOCK, _SIMPLE_BLOCK = 0xA1, 0xA3
_LACING_FLAGS = 0x06
_BLOCK_HEADER_BYTES = 4  # track (one byte for tracks below 127), timecode, flags
_MAX_FIELD_BYTES = 4096
_MAX_SKIPPED_BYTES = 16 * 2**20
_UNKNOWN = -1


def read_vint(data: bytes, at: int, *, keep_marker: bool) -> tuple[int, int] | None:
    """(value, end) of the EBML variable-length integer at `at`; None when it is cut off. Raises BadAudio.

    With the marker bit kept it is an element ID, without it a size; a size of all ones is `_UNKNOWN`.
    """
    if at >= len(data):
        return None
    length = 9 - data[at].bit_length()
    if length > (4 if keep_marker else 8):
        raise bad_audio("the data is not WebM: not an EBML element")
    if at + length > len(data):
        return None
    value = int.from_bytes(data[at : at + length], "big")
    if keep_marker:
        return value, at + length
    value &= (1 << 7 * length) - 1
    return (_UNKNOWN if value == (1 << 7 * length) - 1 else value), at + length


class WebmDemuxer:
    def __init__(self) -> None:
        self._buffer = b""
        self._to_skip = 0
        self._started = False
        self._track: dict[int, bytes] = {}  # fields of the track entry that is being read
        self._config: CodecConfig | None = None
        self._opus_track = 0
        self._link = 0  # headers seen

    def feed(self, data: bytes) -> list[Packet]:
        self._buffer += data
        packets: list[Packet] = []
        at = 0
        while True:
            skipped = min(self._to_skip, len(self._buffer) - at)
            self._to_skip -= skipped
            at += skipped
            header = self._element_header(at)
            if self._to_skip or header is None:
                break
            element, size, body = header
            if not self._whole(element, size, body):
                break
            at = body
            if element in _MASTERS:
                self._enter(element)
            elif element in _TRACK_FIELDS:
                self._track[element] = self._buffer[at : at + size]
                at += size
            elif element in (_BLOCK, _SIMPLE_BLOCK) and self._is_opus(at):
                packets += self._packet(self._buffer[at : at + size])
                at += size
            else:
                self._to_skip = size
        self._buffer = self._buffer[at:]
        return packets

    def _element_header(self, at: int) -> tuple[int, int, int] | None:
        """(ID, size, index of the body) of the element at `at`, None while it is incomplete."""
        identifier = read_vint(self._buffer, at, keep_marker=True)
        if identifier is None:
            return None
        if not self._started and identifier[0] != _EBML:
            raise bad_audio("the data is not WebM: it does not start with an EBML header")
        self._started = True
        size = read_vint(self._buffer, identifier[1], keep_marker=False)
        return None if size is None else (identifier[0], *size)

    def _whole(self, element: int, size: int, body: int) -> bool:
        """Whether as much of the element is here as is needed to read it. Raises BadAudio for absurd sizes."""
        if element in _MASTERS:
            return True
        if size == _UNKNOWN or size > _MAX_SKIPPED_BYTES:
            raise bad_audio(f"WebM element {element:#x} of absurd size")
        here = len(self._buffer) - body
        if element in _TRACK_FIELDS:
            if size > _MAX_FIELD_BYTES:
                raise bad_audio(f"WebM track field of {size} bytes")
            return here >= size
        if element not in (_BLOCK, _SIMPLE_BLOCK):
            return True
        if self._config is None:
            raise bad_audio("the WebM data holds no Opus track")
        if size < _BLOCK_HEADER_BYTES or here < _BLOCK_HEADER_BYTES:
            return here >= size
        if self._is_opus(body) and size > MAX_PACKET_BYTES:
            raise bad_audio(f"a WebM block of {size} bytes of audio")
        return here >= size or not self._is_opus(body)

    def _enter(self, element: int) -> None:
        if element in (_TRACK_ENTRY, _CLUSTER):
            self._end_track_entry()
        if element == _TRACKS:
            self._track, self._config = {}, None  # a recorder that was restarted sends a new header
            self._link += 1
        if element == _CLUSTER and self._config is None:
            raise bad_audio("the WebM data holds no Opus track")

    def _end_track_entry(self) -> None:
        track, self._track = self._track, {}
        if self._config is not None or track.get(_CODEC_ID, b"").rstrip(b"\0") != b"A_OPUS":
            return
        if _CONTENT_ENCODINGS in track:
            raise bad_audio("compressed or encrypted WebM tracks are not supported")
        self._config = opus_config(track.get(_CODEC_PRIVATE, b""), self._link)
        self._opus_track = int.from_bytes(track.get(_TRACK_NUMBER, b""), "big")

    def _is_opus(self, at: int) -> bool:
        track = read_vint(self._buffer, at, keep_marker=False)
        return track is not None and track[0] == self._opus_track

    def _packet(self, block: bytes) -> list[Packet]:
        track = read_vint(block, 0, keep_marker=False)
        if track is None or len(block) < track[1] + 3 or self._config is None:
            raise bad_audio("a WebM block without a header")
        data = track[1] + 3  # two bytes of time and one of flags
        if block[data - 1] & _LACING_FLAGS:
            raise bad_audio("laced WebM blocks are not supported")
        return [Packet(block[data:], self._config)] if len(block) > data else []

    def check_end(self) -> None:
        if self._config is None and not self._track:
            raise bad_audio("the WebM stream ended before its track header")

    def state(self) -> dict[str, Any]:
        return {
            "buffer": self._buffer,
            "skip": self._to_skip,
            "started": self._started,
            "config": pack_config(self._config),
            "track": [self._link, self._opus_track, list(self._track.items())],
        }

    def load(self, state: dict[str, Any]) -> None:
        self._buffer, self._to_skip, self._started = state["buffer"], state["skip"], state["started"]
        self._config = unpack_config(state["config"])
        self._link, self._opus_track, fields = state["track"]
        self._track = dict(fields)
