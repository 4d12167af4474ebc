"""What a vendor's protocol adds to the latency of finals, against `/v1/stream`, with real sockets and a real gateway.

Whisper is replaced by a scripted worker that answers at once: what remains is the way through gateway and Redis. All
protocols carry the same dictation at the same time, frame by frame in real time, and an utterance's final over one
is compared with that over `/v1/stream` for audio of the same rate; so whatever else the machine does hits both, and
the endpoint is heard in the same frame.

    python -m loadtest.protocol_latency --utterances 60
"""

import argparse
import asyncio
import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from loadtest.shipped import SPEECH
from loadtest.stack import Workers, simulated
from loadtest.wires import FRAME_MS, DeepgramWire, RealtimeWire, SottoWire, SottoWire24, Wire
from service.audio.container import read_file
from service.audio.endpointer import Endpoint, Endpointer, EndpointerOptions
from service.audio.pcm import Int16
from service.audio.vad import SileroVad
from service.transcript import SAMPLE_RATE

COMPARED: tuple[tuple[type[Wire], type[Wire]], ...] = ((RealtimeWire, SottoWire24), (DeepgramWire, SottoWire))
WIRES = tuple(kind for pair in COMPARED for kind in pair)

PAUSE_S = 1.2
ASKED_PAUSE_S = 0.3  # of audio behind the speech, before the client says that it is done
READY_S = 30.0
LIMIT_MS = 20.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds from the moment that should bring the final to its arrival, one per utterance."""

    name: str
    waits_s: tuple[float, ...]


def dictation(clip: Int16, utterances: int, pause_s: float, frame_ms: int = FRAME_MS) -> tuple[Int16, list[int]]:
    """The clip again and again with pauses, and the frame of each that lets the endpointer hear its end."""
    pause = np.zeros(round(pause_s * SAMPLE_RATE), np.int16)
    speech = np.concatenate([np.concatenate([clip, pause])] * utterances)
    endpointer = Endpointer(SileroVad(), EndpointerOptions())
    size, ends = SAMPLE_RATE * frame_ms // 1000, []
    for frame in range(len(speech) // size):
        marks = endpointer.feed(speech[frame * size : (frame + 1) * size])
        ends += [frame for mark in marks if isinstance(mark, Endpoint)]
    return speech, ends


async def by_silence(url: str, clip: Int16, utterances: int, frame_ms: int) -> list[Measured]:
    """Finals of utterances that silence ends, from the frame in which the end is heard."""
    speech, ends = dictation(clip, utterances, PAUSE_S, frame_ms)
    start = asyncio.get_running_loop().time() + 1.0
    wires = [kind(turns=True, frame_ms=frame_ms) for kind in WIRES]
    return await asyncio.gather(*(_dictate(wire, url, speech, ends, start) for wire in wires))


async def _dictate(wire: Wire, url: str, speech: Int16, ends: list[int], start: float) -> Measured:
    clock = asyncio.get_running_loop().time
    frames = wire.frames(speech)
    due = [start + (number + 1) * wire.frame_ms / 1000 for number in range(len(frames))]
    async with wire.connected(url) as live:

        async def listen() -> list[float]:
            arrivals = []
            for _ in ends:
                await live.final()
                arrivals.append(clock())
            return arrivals

        listener = asyncio.create_task(listen())
        for frame, at in zip(frames, due, strict=True):
            await asyncio.sleep(max(0.0, at - clock()))
            await live.send(frame)
        arrivals = await asyncio.wait_for(listener, READY_S)
    return Measured(wire.name, tuple(came - due[end] for came, end in zip(arrivals, ends, strict=True)))


async def on_request(url: str, clip: Int16, utterances: int) -> list[Measured]:
    """Finals of utterances whose end the client declares, from that declaration; the protocols take turns."""
    clock = asyncio.get_running_loop().time
    speech = np.concatenate([clip, np.zeros(round(ASKED_PAUSE_S * SAMPLE_RATE), np.int16)])
    waits: dict[str, list[float]] = {kind.name: [] for kind in WIRES}
    async with contextlib.AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(kind(turns=False).connected(url)) for kind in WIRES]
        for _ in range(utterances):
            for wire in wires:
                for frame in wire.frames(speech):
                    await wire.send(frame)
                    await asyncio.sleep(FRAME_MS / 1000 / 10)
                await asyncio.sleep(0.2)
                asked = clock()
                await wire.send(wire.end_of_turn())
                await asyncio.wait_for(wire.final(), READY_S)
                waits[wire.name].append(clock() - asked)
    return [Measured(name, tuple(each)) for name, each in waits.items()]


def report(title: str, measured: list[Measured], *, paired: bool) -> bool:
    """Prints a table; whether every protocol stays within the limit."""
    waits_ms = {each.name: np.array(each.waits_s) * 1000 for each in measured}
    table = Table(title=f"{title}: each vendor against the line above it")
    for heading in ("protocol", "utterances", "final p50", "p95", "added p50", "added p95"):
        table.add_column(heading, justify="left" if heading == "protocol" else "right", no_wrap=True)
    worst_ms = 0.0
    for vendor, own in COMPARED:
        theirs, ours = waits_ms[vendor.name], waits_ms[own.name]
        table.add_row(own.name, str(len(ours)), *(f"{value:.1f} ms" for value in np.percentile(ours, (50, 95))))
        percentiles = np.percentile(theirs, (50, 95))
        added = np.percentile(theirs - ours, (50, 95)) if paired else percentiles - np.percentile(ours, (50, 95))
        worst_ms = max(worst_ms, float(added[1]))
        shown = [f"{value:.1f} ms" for value in percentiles] + [f"{value:+.1f} ms" for value in added]
        table.add_row(vendor.name, str(len(theirs)), *shown)
    Console().print(table)
    return worst_ms < LIMIT_MS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--utterances", type=int, default=60)
    parser.add_argument("--audio", type=Path, default=SPEECH / "human-en-vm-nobox.flac")
    parser.add_argument("--frame-ms", type=int, default=FRAME_MS, help="audio that the clients send at once")
    arguments = parser.parse_args()
    with arguments.audio.open("rb") as source:
        clip = np.concatenate(list(read_file(source, max_seconds=20)))
    with simulated(Workers()) as server:
        silence = asyncio.run(by_silence(server.url, clip, arguments.utterances, arguments.frame_ms))
        asked = asyncio.run(on_request(server.url, clip, arguments.utterances))
    within = [
        report("utterances that silence ends", silence, paired=True),
        report("utterances that the client ends", asked, paired=False),
    ]
    return 0 if all(within) else 1


if __name__ == "__main__":
    sys.exit(main())
