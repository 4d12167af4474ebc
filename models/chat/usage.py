"""What was asked of a language model, in tokens and money, counted in the run's folder over all restarts."""

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from models.chat.endpoint import Endpoint
from models.jsonl import read_lines
from models.stage import StageFull

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Of answered requests. `estimated`: how many of them the endpoint did not count the tokens of."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.requests + other.requests,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.estimated + other.estimated,
        )

    def cost(self, endpoint: Endpoint) -> float:
        """In the currency of the endpoint's prices."""
        return (self.tokens_in * endpoint.price_in + self.tokens_out * endpoint.price_out) / MILLION

    def line(self, endpoint: Endpoint) -> str:
        """For people."""
        counted = f"{self.requests:,} answers, {self.tokens_in:,} tokens in, {self.tokens_out:,} out"
        guessed = f" ({self.estimated:,} answers estimated)" if self.estimated else ""
        priced = endpoint.price_in or endpoint.price_out
        return f"{counted}{guessed}" + (f", cost {self.cost(endpoint):.4f}" if priced else "")


class UsageLog:
    """One line for every answer, appended at once: what a killed run had paid for stays counted. The
    folder must be there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def add(self, usage: Usage) -> None:
        """Raises StageFull when the disk takes no more."""
        line = json.dumps(asdict(usage)) + "\n"
        try:
            with self._lock, self._path.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            raise StageFull(f"cannot write to {self._path}: {error.strerror}", field="run") from error


def total(paths: Iterable[Path]) -> Usage:
    """Of all logs; a line that a kill cut off is not counted."""
    used = Usage()
    for path in paths:
        for _, text in read_lines(path):
            try:
                used += Usage(**json.loads(text))
            except ValueError:
                continue
    return used
