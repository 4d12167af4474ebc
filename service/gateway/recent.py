"""The latest live sessions of this gateway, open or over: nothing in them needs Redis."""

from collections.abc import Callable
from dataclasses import replace

from service.log.gateways import SessionSummary

KEPT = 30
TOLD = 30


class RecentSessions:
    """All that are open, and the last `KEPT` that are over."""

    def __init__(self) -> None:
        self._open: dict[str, Callable[[], SessionSummary]] = {}
        self._over: dict[str, SessionSummary] = {}

    def add(self, session: str, summary: Callable[[], SessionSummary]) -> None:
        self._over.pop(session, None)
        self._open[session] = summary

    def end(self, session: str) -> None:
        """Its connection is gone; what was said is not shown any longer."""
        if (summary := self._open.pop(session, None)) is None:
            return
        last = summary()
        state = last.state if last.state == "finished" else "left"
        self._over[session] = replace(last, state=state, text="")
        if len(self._over) > KEPT:
            del self._over[next(iter(self._over))]

    @property
    def open(self) -> int:
        return len(self._open)

    def latest(self) -> tuple[SessionSummary, ...]:
        """The newest `TOLD`, newest first."""
        newest = [summary() for summary in list(self._open.values())[-TOLD:]]
        return tuple(sorted([*newest, *self._over.values()], key=lambda each: -each.began)[:TOLD])
