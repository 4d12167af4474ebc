"""How much padded audio the encoder sees: speech, at least 3 s of padding, rounded up to a few bucket sizes.

Whisper was trained on 30 s windows, but its encoder takes fewer frames and costs five to eight times less for a
window of 7 s. It needs some silence after the speech, or it does not find the end and loops; the buckets keep
batches uniform.
"""

from service.transcript import SAMPLE_RATE

MIN_PADDING = 3 * SAMPLE_RATE  # samples
BUCKETS_S: tuple[int, ...] = (5, 7, 10, 15, 20, 30)
BUCKETS: tuple[int, ...] = tuple(seconds * SAMPLE_RATE for seconds in BUCKETS_S)
MAX_SAMPLES = BUCKETS[-1] - MIN_PADDING  # longest utterance that a window holds: 27 s


def window_for(n_samples: int) -> int:
    """Samples of the smallest window for an utterance of `n_samples` samples.

    Raises ValueError over `MAX_SAMPLES`: audio is never cut silently.
    """
    needed = n_samples + MIN_PADDING
    for bucket in BUCKETS:
        if needed <= bucket:
            return bucket
    longest_s = MAX_SAMPLES / SAMPLE_RATE
    raise ValueError(f"utterance of {n_samples / SAMPLE_RATE:.2f} s is longer than the {longest_s:.0f} s of a window")
