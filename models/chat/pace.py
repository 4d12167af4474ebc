"""When a request may be sent, and when again after one that failed. Pure: the clock is the caller's."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MINUTE_S = 60.0
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0
LONGEST_ASKED_S = 600.0  # an endpoint that asks for more is not waited for
JITTER = 0.5  # share of a delay that chance decides, so that clients do not come back together


class Pace:
    """Spaces requests evenly so that neither requests nor tokens per minute are exceeded; 0 is no limit."""

    def __init__(self, requests_per_minute: float, tokens_per_minute: float) -> None:
        self._s_per_request = MINUTE_S / requests_per_minute if requests_per_minute else 0.0
        self._s_per_token = MINUTE_S / tokens_per_minute if tokens_per_minute else 0.0
        self._next = 0.0

    def reserve(self, tokens: float, now: float) -> float:
        """Seconds until a request of about so many tokens may go; its place is taken."""
        start = max(self._next, now)
        self._next = start + max(self._s_per_request, tokens * self._s_per_token)
        return start - now

    def settle(self, guessed: float, counted: float) -> None:
        """Corrects for what a request really cost."""
        self._next += (counted - guessed) * self._s_per_token

    def hold(self, until: float) -> None:
        """Nothing goes before `until`: the endpoint asked for it."""
        self._next = max(self._next, until)


def delay_s(attempt: int, chance: float) -> float:
    """Before the next attempt after the `attempt`-th (from 1) failed: doubling. `chance`: 0 to 1."""
    delay = min(FIRST_DELAY_S * 2.0 ** (attempt - 1), LONGEST_DELAY_S)
    return delay * (1 - JITTER * chance)


def retry_after_s(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks for, as a number or as a date; None when it says neither."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())
