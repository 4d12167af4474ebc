"""Where captions go: a live terminal, plain lines, or JSON lines."""

import json
import sys
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from sotto_client import Event, as_message

from service.commands.captions import Captions

_REFRESH_HZ = 10


class CaptionOutput(Protocol):
    """A context manager that is shown every event; `latency_s` comes with finals when it is asked for."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, event: Event, latency_s: float | None) -> None: ...


def caption_output(*, as_json: bool) -> CaptionOutput:
    """JSON lines when asked for, live captions on a terminal, else the finals as plain lines."""
    if as_json:
        return JsonLines()
    console = Console(highlight=False)
    return LiveCaptions(console) if console.is_terminal else PlainLines()


class JsonLines:
    """Every event as one line of JSON."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def show(self, event: Event, latency_s: float | None) -> None:
        latency = {} if latency_s is None else {"latency_s": round(latency_s, 3)}
        print(json.dumps(as_message(event) | latency, ensure_ascii=False), flush=True)


class PlainLines:
    """Finals only, for files and pipes."""

    def __init__(self) -> None:
        self._captions = Captions()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def show(self, event: Event, latency_s: float | None) -> None:
        for line in self._captions.feed(event, latency_s):
            print(line.plain, file=sys.stdout, flush=True)


class LiveCaptions:
    """The open caption is redrawn in place; finals scroll up above it."""

    def __init__(self, console: Console) -> None:
        self._captions = Captions()
        self._live = Live(console=console, refresh_per_second=_REFRESH_HZ, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show(self, event: Event, latency_s: float | None) -> None:
        for line in self._captions.feed(event, latency_s):
            self._live.console.print(line)
        self._live.update(self._captions.open_line())
