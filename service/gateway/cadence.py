"""When to ask for the next partial, and how old the audio behind an event is: pure bookkeeping of one stream."""

import bisect
from collections import deque

from service.transcript import SAMPLE_RATE

FIRST_PARTIAL_SAMPLES = SAMPLE_RATE * 3 // 4  # of an utterance, 0.3 s of pre-roll included: a word or two
EAGER_INTERVAL_S = 0.25  # while an utterance has no caption yet
LONGEST_INTERVAL_S = 1.0  # captions are refreshed at least every 1.5 s while there is capacity
TURNAROUND_FACTOR = 1.1
FAST_INTERVAL_S = 0.5  # intervals over it mean that turns wait in the queue
LEAST_HELD = SAMPLE_RATE // 10
MOST_HELD = SAMPLE_RATE
HELD_PER_STREAM = SAMPLE_RATE // 500
ARRIVALS_KEPT = 600  # a minute
ARRIVAL_SAMPLES = SAMPLE_RATE // 10


def samples_to_hold(streams: int) -> int:
    """How much audio a stream holds before it is written, of so many on this gateway: 100 ms of up to 50, so that
    captions are decoded from what was just said, up to a second of 500, so that writing does not fill a core."""
    return min(max(streams * HELD_PER_STREAM, LEAST_HELD), MOST_HELD)


class PartialCadence:
    """At most one partial outstanding; under load captions refresh less often instead of queueing.

    The interval is the configured one while turns come back fast, and grows with their turnaround.
    """

    def __init__(self, least_interval_s: float) -> None:
        self._least_s = least_interval_s
        self._interval_s = least_interval_s
        self._asked_at: float | None = None
        self._last_asked = self._last_refused = float("-inf")
        self._seen: str | None = None
        self._captionless = True

    def due(self, now: float, utterance_samples: int) -> bool:
        """Whether to ask now for a partial of an utterance that has grown to so many samples."""
        eager = self._captionless and self.is_fast
        interval_s = min(self._interval_s, EAGER_INTERVAL_S) if eager else self._interval_s
        since = max(self._last_asked, self._last_refused + EAGER_INTERVAL_S - interval_s)
        return utterance_samples >= FIRST_PARTIAL_SAMPLES and now - since >= interval_s

    def started(self) -> None:
        """An utterance has begun: it has no caption yet."""
        self._captionless = True

    def asked(self, now: float) -> None:
        self._asked_at = self._last_asked = now

    def refused(self, now: float) -> None:
        """The one before is outstanding yet: ask again a little later."""
        self._last_refused = now

    def answered(self, now: float) -> None:
        if self._asked_at is not None:
            wanted = (now - self._asked_at) * TURNAROUND_FACTOR
            self._interval_s = min(max(self._least_s, wanted), LONGEST_INTERVAL_S)
            self._asked_at = None

    @property
    def is_fast(self) -> bool:
        """Whether turns come back so fast that there is capacity to decode finals in pauses, on suspicion."""
        return self._interval_s <= max(self._least_s, FAST_INTERVAL_S)

    def first_of(self, utterance: str) -> bool:
        """Whether this is the first partial of the utterance."""
        first = utterance != self._seen
        self._seen = utterance
        self._captionless = False
        return first


class ArrivalClock:
    """Remembers when audio arrived, so that the age of an event is measured from the audio it speaks of."""

    def __init__(self) -> None:
        self._samples: deque[int] = deque(maxlen=ARRIVALS_KEPT)
        self._times: deque[float] = deque(maxlen=ARRIVALS_KEPT)

    def note(self, samples_after: int, now: float) -> None:
        """Audio up to there has arrived; what is told in steps of less than 100 ms is taken together."""
        if self._samples and samples_after < self._samples[-1] + ARRIVAL_SAMPLES:
            return
        self._samples.append(samples_after)
        self._times.append(now)

    def age_s(self, position_s: float, now: float) -> float | None:
        """Seconds since the audio at `position_s` arrived; None when that is unknown."""
        index = bisect.bisect_left(self._samples, int(position_s * SAMPLE_RATE))
        if index >= len(self._samples):
            return None
        return max(0.0, now - self._times[index])
