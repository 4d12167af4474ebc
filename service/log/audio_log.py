"""The audio log of a session: 16 kHz mono PCM with the endpointer's marks, in one ordered stream.

An entry's id is the sample position where its audio ends, so a range of samples is a range of ids.
"""

import asyncio
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from service.errors import BadAudio, NotFound
from service.log.event_log import MAX_EVENTS, Event, encode
from service.log.store import Store

Pcm = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class EndpointMark:
    """An utterance that ended: samples `start` to `end`, spoken until `speech_end`; `options` are those of its turn."""

    utterance: int
    start: int
    end: int
    speech_end: int
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One atomic append. `samples_before` and `samples_after` are positions in the stream; `bytes_after` counts the
    client's bytes; `keep_from` is the first sample that an open utterance or the pre-roll still needs; `ended` the
    number of utterances that have ended; `number` counts the appends of the session."""

    number: int
    pcm: Pcm
    samples_before: int
    samples_after: int
    bytes_after: int
    snapshot: bytes
    keep_from: int
    ended: int
    marks: tuple[EndpointMark, ...] = ()
    events: tuple[Event, ...] = ()
    ack: bool = field(default=False)


Status = Literal["ok", "gone", "taken"]


class AudioLog:
    """Appends to and reads from one session's audio log."""

    def __init__(self, store: Store, session: str) -> None:
        self._store = store
        self.session = session
        keys = store.keys
        self._keys = [keys.state(session), keys.audio(session), keys.events(session), keys.meter(session)]

    async def append(self, owner: str, chunk: Chunk, *, ttl_s: int) -> tuple[Status, int]:
        """Writes audio, marks, events and the ingest snapshot in one step.

        Returns the status and the next utterance whose final is still outstanding. `taken`: another connection
        owns the session by now; `gone`: the session has expired.
        """
        marks = json.dumps([asdict(mark) for mark in chunk.marks]) if chunk.marks else ""
        ack = encode({"type": "ack", "bytes": chunk.bytes_after}) if chunk.ack else ""
        status, next_utterance = await self._store.script(
            "append",
            self._keys,
            [
                owner,
                ttl_s,
                chunk.samples_before,
                chunk.samples_after,
                chunk.pcm.tobytes(),
                chunk.bytes_after,
                chunk.snapshot,
                chunk.keep_from,
                chunk.ended,
                marks,
                f"{owner}/{chunk.number}",
                ack,
                MAX_EVENTS,
                len(chunk.events),
                *map(encode, chunk.events),
            ],
        )
        return status.decode(), int(next_utterance)

    async def read(self, start: int, end: int) -> Pcm:
        """Samples `start` to `end`, int16. Raises NotFound when the log does not hold them any more, BadAudio when
        an entry is damaged."""
        within, last = await asyncio.gather(
            self._store.command("XRANGE", self._keys[1], f"{start + 1}-0", f"{end}-0"),
            self._store.command("XRANGE", self._keys[1], f"{end + 1}-0", "+", "COUNT", 1),
        )
        entries = within + last
        pieces: list[Pcm] = []
        position = None
        for entry_id, fields in entries:
            data = fields[b"pcm"]
            if len(data) % 2:
                raise BadAudio(f"entry {entry_id.decode()} of the audio log holds half a sample")
            pcm = np.frombuffer(data, dtype="<i2")
            if not len(pcm):
                continue
            chunk_end = int(entry_id.split(b"-")[0])
            chunk_start = chunk_end - len(pcm)
            if position is not None and chunk_start != position:
                raise BadAudio(f"the audio log has a gap at sample {position}")
            if chunk_start >= end:
                break
            position = chunk_end
            pieces.append(pcm[max(0, start - chunk_start) : max(0, len(pcm) - max(0, chunk_end - end))])
        samples = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int16)
        if len(samples) != end - start:
            raise NotFound(f"samples {start} to {end} are not in the audio log")
        return samples

    async def endpoints_after(self, utterance: int) -> list[EndpointMark]:
        """The marks of utterances from `utterance` on that have ended, as far as the log still holds them."""
        marks: list[EndpointMark] = []
        for _, fields in await self._store.redis.xrange(self._keys[1]):
            if b"marks" in fields:
                marks += [EndpointMark(**mark) for mark in json.loads(fields[b"marks"])]
        return [mark for mark in marks if mark.utterance >= utterance]
