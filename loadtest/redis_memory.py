"""What a stream costs Redis: memory while its audio waits, and CPU, commands and bytes for every second of audio; and
what hearing and writing it costs a gateway, sockets aside.

Streams are written as a gateway writes them, half a second at a time, and nobody decodes: all that was said stays, as
it would while finals wait. A private Valkey of its own is measured.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from service import event_loop
from service.audio.container import read_file
from service.audio.endpointer import EndpointerOptions, Mark
from service.audio.stream_decoder import StreamFormat
from service.audio.vad import SileroVad
from service.gateway.hearing import Hearing
from service.gateway.ingest import Ingest, Pcm
from service.gateway.writer import SessionWriter
from service.log.private import PrivateRedis
from service.log.sessions import Sessions, new_id
from service.log.store import Store
from service.log.tasks import cancel_tasks
from service.transcript import SAMPLE_RATE

CHUNK_S = 0.5
TTL_S = 600


@dataclass(frozen=True, slots=True)
class Piece:
    """What the gateway makes of half a second."""

    pcm: Pcm
    marks: tuple[Mark, ...]
    snapshot: bytes


async def pieces_of(pcm: Pcm) -> list[Piece]:
    hearing = Hearing(SileroVad())
    ears = asyncio.create_task(hearing.run())
    ingest = Ingest(hearing, StreamFormat("pcm_s16le", SAMPLE_RATE, 1), EndpointerOptions())
    step = int(CHUNK_S * SAMPLE_RATE)
    pieces = []
    for at in range(0, len(pcm) - step + 1, step):
        heard = await ingest.feed(pcm[at : at + step].astype("<i2").tobytes())
        pieces.append(Piece(heard.pcm, heard.marks, ingest.snapshot()))
    await cancel_tasks((ears,))
    return pieces


class Streams:
    """Open streams of one store that all say the same."""

    def __init__(self, store: Store, count: int) -> None:
        self._store = store
        self._sessions = Sessions(store, resume_ttl_s=TTL_S)
        self._ids = [new_id("s") for _ in range(count)]
        self._writers: list[SessionWriter] = []

    async def open(self) -> None:
        for session in self._ids:
            await self._sessions.create(
                session, owner="o", wake="w", token="t", options={"language": "en"}, first={"type": "started"}
            )
            self._writers.append(
                SessionWriter(self._store, self._sessions, session, "o", kind="final", model="base", traced=False)
            )

    async def say(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            await asyncio.gather(
                *(
                    writer.write(
                        piece.pcm,
                        piece.marks,
                        options_of=lambda _: {"language": "en"},
                        snapshot=piece.snapshot,
                        ack=True,
                    )
                    for writer in self._writers
                )
            )


async def info(store: Store) -> dict[str, Any]:
    found: dict[str, Any] = await store.redis.info("everything")
    return found


async def measure(url: str, count: int, pcm: Pcm, seconds: Sequence[int]) -> None:
    store = Store(url, prefix="measured")
    streams = Streams(store, count)
    empty = (await info(store))["used_memory"]
    await streams.open()
    opened = await info(store)
    print(f"{count} streams, kB each in Redis's memory:")
    print(f"  opened              {(opened['used_memory'] - empty) / count / 1000:8.1f}")
    started = time.process_time()
    pieces = await pieces_of(pcm)
    hearing_ms = 1000 * (time.process_time() - started) / (len(pieces) * CHUNK_S)
    started = time.process_time()
    said = 0
    for until_s in seconds:
        await streams.say(pieces[said : round(until_s / CHUNK_S)])
        said = round(until_s / CHUNK_S)
        now = await info(store)
        print(f"  {until_s:3d} s of audio held {(now['used_memory'] - empty) / count / 1000:8.1f}")
    stream_seconds = count * seconds[-1]
    writing_ms = 1000 * (time.process_time() - started) / stream_seconds

    def each(name: str) -> float:
        return float(now[name] - opened[name]) / stream_seconds

    cpu_ms = 1000 * (each("used_cpu_user") + each("used_cpu_sys"))
    print("for every second of a stream:")
    print(f"  a gateway's CPU: {hearing_ms:.2f} ms to hear, {writing_ms:.2f} ms to write")
    print(
        f"  Redis's CPU {cpu_ms:.2f} ms, commands {each('total_commands_processed'):.1f} with those of scripts, ",
        end="",
    )
    print(
        f"received {each('total_net_input_bytes') / 1000:.1f} kB, sent {each('total_net_output_bytes') / 1000:.1f} kB"
    )
    print(f"  append-only file {now['aof_current_size'] / stream_seconds / 1000:.1f} kB")
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--audio", type=Path, required=True, help="a recording with speech")
    parser.add_argument("--seconds", type=int, nargs="+", default=[1, 5, 10, 20], help="when to look")
    arguments = parser.parse_args()
    with arguments.audio.open("rb") as source:
        pcm = np.concatenate(list(read_file(source, max_seconds=3600)))
    with tempfile.TemporaryDirectory() as folder:
        redis = PrivateRedis(Path(folder))
        redis.start()
        try:
            event_loop.run(measure(redis.url, arguments.streams, np.tile(pcm, 10), arguments.seconds))
        finally:
            redis.stop()


if __name__ == "__main__":
    main()
