import importlib.util
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgpack
import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.audio import vad as vad_module
from service.audio.vad import FRAME, Floats, Pcm, SileroVad, VadState
from service.errors import ModelUnavailable

Recording = Callable[[str], Pcm]
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def speech(recording: Recording) -> Pcm:
    return recording("human-en-conf-invalid")


@pytest.fixture(scope="session")
def expected(vad: SileroVad, speech: Pcm) -> Floats:
    return vad.feed(VadState(), speech)[0]


def in_pieces(vad: SileroVad, speech: Pcm, cuts: list[int]) -> Floats:
    state = VadState()
    parts = []
    for piece in np.split(speech, sorted(cuts)):
        probabilities, state = vad.feed(state, piece)
        parts.append(probabilities)
    return np.concatenate(parts)


def test_one_probability_per_whole_frame(speech: Pcm, expected: Floats) -> None:
    assert expected.dtype == np.float32
    assert expected.shape == (len(speech) // FRAME,)
    assert expected.min() >= 0
    assert expected.max() <= 1


def test_tells_speech_from_silence(expected: Floats) -> None:
    assert expected[10:40].mean() > 0.8
    assert expected[:4].max() < 0.3


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 61_000), max_size=60))
def test_any_split_gives_the_same_probabilities(vad: SileroVad, speech: Pcm, expected: Floats, cuts: list[int]) -> None:
    np.testing.assert_allclose(in_pieces(vad, speech, cuts), expected, rtol=0, atol=1e-6)


def test_recordings_longer_than_one_call_of_the_model_are_the_same_as_in_pieces(
    vad: SileroVad, recording: Recording
) -> None:
    demo = recording("demo")
    whole, _ = vad.feed(VadState(), demo)
    np.testing.assert_allclose(whole, in_pieces(vad, demo, list(range(0, len(demo), 4_000))), rtol=0, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(0, 61_000))
def test_a_packed_state_goes_on_exactly(vad: SileroVad, speech: Pcm, cut: int) -> None:
    _, state = vad.feed(VadState(), speech[:cut])
    packed = msgpack.packb(state.pack())
    assert len(packed) < 2_500
    restored = VadState.unpack(msgpack.unpackb(packed))
    went_on, _ = vad.feed(state, speech[cut:])
    resumed, _ = vad.feed(restored, speech[cut:])
    assert np.array_equal(went_on, resumed)


def test_streams_that_are_heard_together_are_heard_as_alone(vad: SileroVad, speech: Pcm) -> None:
    pieces = [speech[at : at + length] for at in (0, 9_000, 31_000) for length in (0, 300, 1_600, 1_700, 20_000)]
    states = [vad.feed(VadState(), speech[: 100 * number])[1] for number in range(len(pieces))]
    together = vad.feed_all(list(zip(states, pieces, strict=True)))
    for state, piece, (probabilities, after) in zip(states, pieces, together, strict=True):
        alone, expected = vad.feed(state, piece)
        np.testing.assert_allclose(probabilities, alone, rtol=0, atol=1e-6)
        for part, other in zip(after.pack(), expected.pack(), strict=True):
            assert len(part) == len(other)
        assert np.array_equal(after.leftover, expected.leftover)


def test_more_streams_than_one_call_takes_are_all_heard(vad: SileroVad, speech: Pcm, expected: Floats) -> None:
    heard = vad.feed_all([(VadState(), speech[: FRAME * 3])] * 200)
    for probabilities, _ in heard:
        np.testing.assert_allclose(probabilities, expected[:3], rtol=0, atol=1e-6)


def test_hears_what_the_model_that_faster_whisper_ships_hears(speech: Pcm, expected: Floats) -> None:
    package = importlib.util.find_spec("faster_whisper")
    assert package is not None
    assert package.submodule_search_locations
    shipped = Path(package.submodule_search_locations[0]) / "assets" / "silero_vad_v6.onnx"
    session = onnxruntime.InferenceSession(shipped.read_bytes(), providers=["CPUExecutionProvider"])
    led = np.concatenate((np.zeros(64, np.float32), speech.astype(np.float32) / 32768))
    frames = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(led, 64 + FRAME)[::FRAME])
    rest = np.zeros((1, 1, 128), np.float32)
    told = session.run(None, {"input": frames, "h": rest, "c": rest})[0]
    np.testing.assert_allclose(expected, told.reshape(-1), rtol=0, atol=1e-5)


def test_the_model_is_what_the_tool_makes_of_the_one_that_is_shipped() -> None:
    made = subprocess.run(
        [sys.executable, "tools/vad_model.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr


def test_feeding_changes_neither_the_state_given_nor_the_audio(vad: SileroVad, speech: Pcm) -> None:
    state = VadState()
    before = speech.copy()
    first, _ = vad.feed(state, speech)
    again, _ = vad.feed(state, speech)
    assert np.array_equal(first, again)
    assert np.array_equal(speech, before)


def test_less_than_a_frame_is_kept_for_later(vad: SileroVad) -> None:
    probabilities, state = vad.feed(VadState(), np.ones(FRAME - 1, np.int16))
    assert len(probabilities) == 0
    assert len(state.leftover) == FRAME - 1


def test_threads_share_the_model(vad: SileroVad, speech: Pcm, expected: Floats) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: in_pieces(vad, speech, list(range(0, 60_000, 1_600))), range(8)))
    for result in results:
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6)


def test_a_missing_model_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(vad_module, "_model_file", lambda: tmp_path / "absent.onnx")
    with pytest.raises(ModelUnavailable, match=r"absent\.onnx"):
        SileroVad()


def test_a_broken_model_file_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    monkeypatch.setattr(vad_module, "_model_file", lambda: broken)
    with pytest.raises(ModelUnavailable):
        SileroVad()
