from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.audio import vad as vad_module
from service.audio.vad import FRAME, Floats, Pcm, SileroVad, VadState
from service.errors import ModelUnavailable

Recording = Callable[[str], Pcm]


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
