"""One dictation over every protocol: the same utterances, in the same order, in the same words."""

import asyncio

import numpy as np
import pytest

from loadtest.accuracy import normalise
from loadtest.wires import WIRES, Wire
from service.audio.pcm import Int16
from service.transcript import SAMPLE_RATE
from tests.e2e.recordings import manifest, samples

PAUSE = np.zeros(SAMPLE_RATE, np.int16)
WAIT_S = 60.0


def dictation() -> tuple[Int16, list[str]]:
    """Two sentences with a pause behind each, and what is said in them."""
    return np.concatenate([samples("demo")[: 10 * SAMPLE_RATE], PAUSE]), [
        segment["text"] for segment in manifest()["demo"]["segments"][:2]
    ]


@pytest.mark.parametrize("kind", WIRES, ids=lambda kind: kind.name)
async def test_utterances_that_silence_ends_read_the_same(live_server: str, kind: type[Wire]) -> None:
    speech, spoken = dictation()
    wire = kind(turns=True)
    async with wire.connected(live_server):
        for frame in wire.frames(speech):
            await wire.send(frame)
        texts = [await asyncio.wait_for(wire.final(), WAIT_S) for _ in spoken]
    assert [normalise(text) for text in texts] == [normalise(text) for text in spoken]


@pytest.mark.parametrize("kind", WIRES, ids=lambda kind: kind.name)
async def test_an_utterance_that_the_client_ends_is_final_without_waiting_for_silence(
    live_server: str, kind: type[Wire]
) -> None:
    clip = "human-en-vm-nobox"
    wire = kind(turns=False)
    async with wire.connected(live_server):
        for _ in range(2):  # the stream stays open
            for frame in wire.frames(samples(clip)):
                await wire.send(frame)
            await wire.send(wire.end_of_turn())
            text = await asyncio.wait_for(wire.final(), WAIT_S)
            assert normalise(text) == normalise(manifest()[clip]["text"])
