"""Audio and commands in the order they were given, kept until the server has them safe. Pure: no I/O."""

from collections import deque
from dataclasses import dataclass

from sotto_client.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class _Item:
    start: int  # audio byte offset in the stream where the item stands
    payload: bytes | str  # audio, or a command as JSON

    @property
    def end(self) -> int:
        return self.start + (len(self.payload) if isinstance(self.payload, bytes) else 0)


class Outbox:
    """A queue that can be rewound to any byte the server has not acknowledged.

    `packets`: the audio consists of packets that must not be cut (Opus). A command stays until audio
    behind it is safe, so after a rewind the server may see it twice, at the same place in the audio.
    """

    def __init__(self, *, packets: bool = False) -> None:
        self._packets = packets
        self._items: deque[_Item] = deque()
        self._sent = 0  # items of the deque that were taken since the last rewind
        self._safe = 0
        self._end = 0

    @property
    def unsafe_bytes(self) -> int:
        """Audio bytes held here because the server has not acknowledged them."""
        return self._end - self._safe

    @property
    def end(self) -> int:
        """Audio bytes given so far."""
        return self._end

    def add_audio(self, audio: bytes) -> None:
        self._items.append(_Item(self._end, audio))
        self._end += len(audio)

    def add_command(self, command: str) -> None:
        self._items.append(_Item(self._end, command))

    def take(self) -> bytes | str | None:
        """The next payload to send on this connection, None when everything is out."""
        if self._sent == len(self._items):
            return None
        self._sent += 1
        return self._items[self._sent - 1].payload

    def acknowledge(self, safe: int) -> None:
        """Forgets what lies wholly before audio byte `safe`. Raises ProtocolError for audio never given."""
        if safe > self._end:
            raise ProtocolError(f"the server acknowledged {safe} bytes of {self._end} that were given")
        self._safe = max(self._safe, safe)
        while self._items and self._is_done(self._items[0]):
            self._items.popleft()
            self._sent = max(0, self._sent - 1)

    def rewind(self, offset: int) -> None:
        """Starts over at audio byte `offset`. Raises ProtocolError when that audio is gone or cuts a packet."""
        if offset < self._safe:
            raise ProtocolError(f"the server asks for byte {offset} after it acknowledged {self._safe}")
        self.acknowledge(offset)
        self._sent = 0
        for index, item in enumerate(self._items):
            if item.start < offset < item.end:
                if self._packets or isinstance(item.payload, str):
                    raise ProtocolError(f"the server asks for byte {offset}, inside a packet")
                self._items[index] = _Item(offset, item.payload[offset - item.start :])
                break

    def _is_done(self, item: _Item) -> bool:
        if isinstance(item.payload, bytes):
            return item.end <= self._safe
        return item.start < self._safe
