"""The measurement of what protocols add to latency."""

import numpy as np
import pytest

from loadtest.protocol_latency import COMPARED, LIMIT_MS, Measured, dictation, report
from loadtest.scripted import ScriptedDecoder
from loadtest.wires import FRAME_MS, WIRES, DeepgramWire, Wire
from service.decoding.utterance import Utterance
from service.transcript import SAMPLE_RATE
from tests.e2e.recordings import samples

CLIP = "human-en-vm-nobox"


def test_a_dictation_ends_each_utterance_in_the_pause_behind_it() -> None:
    clip = samples(CLIP)
    speech, ends = dictation(clip, 3, pause_s=1.2)
    turn = len(speech) / 3
    assert len(ends) == 3
    for number, frame in enumerate(ends):
        at = (frame + 1) * FRAME_MS * SAMPLE_RATE // 1000
        assert number * turn + len(clip) * 0.8 < at <= (number + 1) * turn


@pytest.mark.parametrize("kind", WIRES, ids=lambda kind: kind.name)
def test_every_protocol_sends_a_frame_for_every_frame_of_speech(kind: type[Wire]) -> None:
    assert len(kind(turns=True).frames(samples(CLIP))) == len(samples(CLIP)) * 1000 // (SAMPLE_RATE * FRAME_MS)


def test_a_protocol_over_the_limit_fails_the_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    waits = (0.010, 0.012, 0.011)
    fast = [Measured(kind.name, waits) for pair in COMPARED for kind in pair]
    late = Measured(DeepgramWire.name, tuple(wait + (LIMIT_MS + 1) / 1000 for wait in waits))
    assert report("all fast", fast, paired=True)
    assert not report("one late", [each for each in fast if each.name != late.name] + [late], paired=True)
    assert "+21.0 ms" in capsys.readouterr().out


def test_the_scripted_decoder_times_its_words_within_the_utterance() -> None:
    utterance = Utterance(np.zeros(2 * SAMPLE_RATE, np.int16))
    [hypothesis] = ScriptedDecoder().decode([utterance]).hypotheses
    assert hypothesis.text == " So she said."
    assert hypothesis.pieces[-1].end == 2.0
