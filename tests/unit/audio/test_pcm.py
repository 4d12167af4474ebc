import av
import numpy as np
import pytest

from service.audio import pcm


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_companded_codes_decode_as_in_ffmpeg(law: str) -> None:
    codes = bytes(range(256))
    decoder = av.CodecContext.create(f"pcm_{law}", "r")
    decoder.sample_rate, decoder.layout = 8000, "mono"
    expected = decoder.decode(av.Packet(codes))[0].to_ndarray()[0]
    np.testing.assert_array_equal(pcm.decode(codes, law), expected)


def test_floats_outside_the_range_are_clipped_and_nan_is_silence() -> None:
    floats = np.array([0.0, 0.5, 1.0, -1.0, 7.0, -3e38, np.inf, -np.inf, np.nan], dtype="<f4")
    decoded = pcm.decode(floats.tobytes(), "pcm_f32le")
    assert decoded.tolist() == [0, 16384, 32767, -32768, 32767, -32768, 32767, -32768, 0]


def test_int16_survives_the_way_through_float() -> None:
    every = np.arange(-32768, 32768, dtype=np.int16)
    np.testing.assert_array_equal(pcm.to_int16(pcm.to_float32(every)), every)


def test_stereo_is_mixed_by_its_mean() -> None:
    frames = np.array([[1000, 3000], [-32768, -32768], [32767, -32767]], dtype="<i2")
    assert pcm.decode(frames.tobytes(), "pcm_s16le", channels=2).tolist() == [2000, -32768, 0]


def test_a_frame_cut_in_two_is_put_together() -> None:
    frames = np.arange(12, dtype="<i2").tobytes()
    stream = pcm.PcmStream("pcm_s16le", 16000, 2)
    parts = [part for cut in (frames[:1], frames[1:7], frames[7:]) for _, part in stream.feed(cut)]
    np.testing.assert_array_equal(np.concatenate(parts), pcm.decode(frames, "pcm_s16le", channels=2))
