"""What a `decode` call spends, added up while it runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from service.decoding.utterance import Timings
from service.transcript import SAMPLE_RATE


class Costs:
    """Belongs to one call, so to one thread."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(("features", "encode", "generate", "align", "retrieve"), 0.0)
        self.window_samples = 0
        self.fallbacks = 0

    @contextmanager
    def measured(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._seconds[stage] += time.perf_counter() - started

    def timings(self, *, batch_size: int, rejected: int) -> Timings:
        return Timings(
            batch_size=batch_size,
            features_s=self._seconds["features"],
            encode_s=self._seconds["encode"],
            generate_s=self._seconds["generate"],
            align_s=self._seconds["align"],
            retrieve_s=self._seconds["retrieve"],
            window_s=self.window_samples / SAMPLE_RATE,
            fallbacks=self.fallbacks,
            rejected=rejected,
        )
