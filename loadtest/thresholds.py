"""Bounds on the figures of a run, as in `final_p95_ms: "< 700"` or `errors: 0`. Pure."""

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass

_COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}
_FORM = re.compile(r"\s*(<=|>=|==|<|>)\s*(-?\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True, slots=True)
class Threshold:
    """What must hold for the figure called `name`."""

    name: str
    comparison: str
    bound: float

    def breach(self, figures: Mapping[str, float | None]) -> str | None:
        """Why it does not hold; None when it does. A figure that was not measured breaks every bound."""
        value = figures.get(self.name)
        if value is None:
            return f"{self.name} was not measured, must be {self.comparison} {self.bound:g}"
        if _COMPARISONS[self.comparison](value, self.bound):
            return None
        return f"{self.name} is {value:g}, must be {self.comparison} {self.bound:g}"


def parse(name: str, written: str | int | float) -> Threshold:
    """A bare number means equality. Raises ValueError for anything else that is no comparison with a number."""
    if not isinstance(written, str):
        return Threshold(name, "==", float(written))
    if not (found := _FORM.fullmatch(written)):
        raise ValueError(f'{written!r} is no bound such as "< 700" or 0')
    return Threshold(name, found[1], float(found[2]))
