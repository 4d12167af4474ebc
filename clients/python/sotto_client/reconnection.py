"""When to try again after a connection was lost. Pure: the clock is an argument."""

import random
from dataclasses import dataclass, field

_SETTLED_AFTER_S = 5.0


@dataclass
class Reconnection:
    """Counts the attempts of one outage: the first at once, then with doubling, jittered delays.

    An outage ends when a connection `settled`: it brought something new or lived for some seconds. A server that
    accepts and hangs up again and again is therefore one outage, and ends at the deadline.
    """

    deadline_s: float
    first_delay_s: float = 0.2
    longest_delay_s: float = 5.0
    rng: random.Random = field(default_factory=random.Random)
    _lost_at: float | None = None
    _attempts: int = 0

    def lost(self, now: float, *, connected_for_s: float = 0.0) -> None:
        """A connection broke, or an attempt failed (`connected_for_s` 0)."""
        if connected_for_s >= _SETTLED_AFTER_S:
            self.settled()
        if self._lost_at is None:
            self._lost_at = now

    def settled(self) -> None:
        self._lost_at = None
        self._attempts = 0

    def next_delay_s(self, now: float) -> float | None:
        """Seconds to wait before the next attempt; None when the deadline leaves no time for one."""
        left_s = self.deadline_s if self._lost_at is None else self._lost_at + self.deadline_s - now
        if left_s <= 0 and self._lost_at is not None:
            return None
        self._attempts += 1
        if self._attempts == 1:
            return 0.0
        ceiling = min(self.longest_delay_s, self.first_delay_s * 2.0 ** (self._attempts - 2))
        return min(self.rng.uniform(ceiling / 2, ceiling), left_s)
