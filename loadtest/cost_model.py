"""What decoding a batch costs, as measured on one device: seconds by window, batch and tokens. Pure.

Between measured windows and batch sizes times are interpolated, beyond the largest they go on along the last slope.
"""

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from service.errors import BadRequest

TOKENS_PER_S = 4.0  # of speech; dictation has 2 to 3 words a second


@dataclass(frozen=True, slots=True)
class Measurement:
    """A batch of `batch` utterances in windows of `window_s`, of which the longest had `tokens` tokens, took
    `seconds`."""

    window_s: float
    batch: int
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one window and batch size: `fixed_s` for encoder and all that does not depend on tokens, `per_token_s` for
    each step of the decoder."""

    fixed_s: float
    per_token_s: float


@dataclass(frozen=True, slots=True)
class CostModel:
    """`measured_on` names the device, `model` what was decoded; keys of `costs` are (window in seconds, batch)."""

    measured_on: str
    model: str
    slots: int
    max_batch: int
    costs: Mapping[tuple[float, int], Cost]

    def seconds(self, window_s: float, batch: int, tokens: int) -> float:
        """How long a slot is busy with such a batch, all slots being busy."""
        windows = sorted({window for window, _ in self.costs})
        if len(windows) == 1:
            return self._at(windows[0], batch, tokens)
        low, high = _around(windows, window_s)
        below, above = self._at(low, batch, tokens), self._at(high, batch, tokens)
        return max(0.0, below + (above - below) * (window_s - low) / (high - low))

    def _at(self, window_s: float, batch: int, tokens: int) -> float:
        times = {
            float(size): cost.fixed_s + cost.per_token_s * tokens
            for (window, size), cost in sorted(self.costs.items())
            if window == window_s
        }
        if len(times) == 1:
            [(size, seconds)] = times.items()
            return seconds * batch / size
        low, high = _around(list(times), batch)
        below, above = times[low], times[high]
        return max(0.0, below + (above - below) * (batch - low) / (high - low))

    def dump(self) -> dict[str, Any]:
        rows = [
            {"window_s": window, "batch": batch, **asdict(cost)} for (window, batch), cost in sorted(self.costs.items())
        ]
        return {
            "measured_on": self.measured_on,
            "model": self.model,
            "slots": self.slots,
            "max_batch": self.max_batch,
            "costs": rows,
        }


def load(path: Path) -> CostModel:
    """Raises BadRequest for a file that is no cost model."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        costs = {
            (float(row["window_s"]), int(row["batch"])): Cost(float(row["fixed_s"]), float(row["per_token_s"]))
            for row in values["costs"]
        }
        if not costs:
            raise ValueError("no costs")
        return CostModel(values["measured_on"], values["model"], int(values["slots"]), int(values["max_batch"]), costs)
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror}", field="costs") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadRequest(f"{path} is no cost model ({error!r})", field="costs") from error


def fit(measured: Iterable[Measurement]) -> dict[tuple[float, int], Cost]:
    """The line through the measurements of each window and batch size: fixed cost and cost of a token, neither below
    zero."""
    by_shape: dict[tuple[float, int], list[Measurement]] = {}
    for one in measured:
        by_shape.setdefault((one.window_s, one.batch), []).append(one)
    return {shape: _line(of_shape) for shape, of_shape in by_shape.items()}


def _line(measured: Sequence[Measurement]) -> Cost:
    tokens = np.array([one.tokens for one in measured], float)
    seconds = np.array([one.seconds for one in measured], float)
    if len(set(tokens)) < 2:
        return Cost(float(seconds.mean()), 0.0)
    slope = max(0.0, float(np.polyfit(tokens, seconds, 1)[0]))
    return Cost(max(0.0, float(seconds.mean() - slope * tokens.mean())), slope)


def _around(known: Sequence[float], value: float) -> tuple[float, float]:
    """The two neighbours among at least two known values between which, or beyond which, the value lies."""
    at = min(max(1, bisect_left(known, value)), len(known) - 1)
    return known[at - 1], known[at]
