"""HTTP connections whose requests must arrive: uvicorn alone waits for the rest of a header as long as it takes."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_S = 30.0  # from the start of a connection, or the end of the answer before, to the end of a request's header


class TimedH11Protocol(H11Protocol):
    """Closes a connection whose next header takes longer than `HEADER_S`. Bodies are `limits.Guard`'s to bound."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._too_slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop()

    def _watch(self) -> None:
        """Runs the timer while a header is awaited; what comes of it does not start it anew."""
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._stop()
        elif self._too_slow is None:
            self._too_slow = self.loop.call_later(HEADER_S, self.transport.close)

    def _stop(self) -> None:
        if self._too_slow:
            self._too_slow.cancel()
            self._too_slow = None
