import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.audio.interleaving import Deinterleaver
from service.audio.pcm import MAX_CHANNELS, SAMPLE_BYTES


@given(sizes=st.lists(st.integers(1, 100), min_size=1), channels=st.integers(1, MAX_CHANNELS))
@pytest.mark.parametrize("encoding", SAMPLE_BYTES)
def test_channels_come_apart_wherever_the_bytes_are_cut(encoding: str, sizes: list[int], channels: int) -> None:
    size = SAMPLE_BYTES[encoding]
    frames = np.random.default_rng(3).integers(0, 256, (200, channels, size), dtype=np.uint8)
    data = frames.tobytes() + b"cut"[: channels * size - 1]
    split, heard, at = Deinterleaver(encoding, channels), [b""] * channels, 0
    for taken in itertools.cycle(sizes):
        if at >= len(data):
            break
        heard = [before + now for before, now in zip(heard, split.feed(data[at : at + taken]), strict=True)]
        at += taken
    assert heard == [frames[:, channel].tobytes() for channel in range(channels)]
