"""Live captions as text: events in, lines out. Knows nothing of a terminal."""

from dataclasses import dataclass, field

from rich.text import Text
from sotto_client import Event, Final, Partial, Problem

_STAMP_STYLE = "cyan"
_TENTATIVE_STYLE = "dim"
_PROBLEM_STYLE = "red"


@dataclass
class Captions:
    """The caption that is open now, and the lines that are done.

    Feed it every event: `feed` returns the lines that will not change any more, `open_line` what may still.
    """

    _open: dict[str, Partial] = field(default_factory=dict)  # by utterance: a pause is shorter than a decode

    def feed(self, event: Event, latency_s: float | None = None) -> list[Text]:
        """Lines that are done with this event; `latency_s` is noted behind a final's text."""
        match event:
            case Partial():
                self._open[event.id] = event
            case Final():
                self._open.pop(event.id, None)
                if event.text:
                    line = Text.assemble((stamp(event.start), _STAMP_STYLE), " ", event.text)
                    return [line.append(_latency_note(latency_s), _TENTATIVE_STYLE)]
            case Problem():
                self._open.pop(event.id or "", None)
                return [Text(f"[not transcribed: {event.message}]", _PROBLEM_STYLE)]
            case _:
                pass
        return []

    def open_line(self) -> Text:
        """The open utterances: committed words plain, tentative words dim; empty when nobody speaks."""
        line = Text()
        for partial in self._open.values():
            if not partial.text.strip():
                continue
            line.append_text(Text(" ") if line else Text())
            line.append(stamp(partial.start), _STAMP_STYLE).append(" ")
            line.append(partial.committed).append(partial.tentative, _TENTATIVE_STYLE)
        return line


def _latency_note(latency_s: float | None) -> str:
    return "" if latency_s is None else f"  ({latency_s:.2f} s after the end)"


def stamp(seconds: float) -> str:
    """`[mm:ss.s]`; minutes run on past an hour."""
    tenths = round(seconds * 10)
    return f"[{tenths // 600:02d}:{tenths // 10 % 60:02d}.{tenths % 10}]"
