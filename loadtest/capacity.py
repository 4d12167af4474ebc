"""The largest number of clients that a server holds: double until it breaks, then halve the distance. Pure."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """A run with so many clients, and whether all thresholds held."""

    clients: int
    held: bool


def next_clients(steps: list[Step], *, first: int, most: int, precision: float) -> int | None:
    """How many clients to try next; None when the answer is known.

    The answer is known when the least number that failed is at most `precision` (relative) or 1 above the greatest
    that held, when `most` held, or when a single client failed. A number is never tried twice.
    """
    held = max((step.clients for step in steps if step.held), default=0)
    failed = min((step.clients for step in steps if not step.held and step.clients > held), default=None)
    if failed is None:
        following = first if not steps else min(2 * held, most)
        return None if held >= most else min(following, most)
    if failed - held <= max(1, precision * held):
        return None
    return (held + failed) // 2


def find_capacity(
    holds: Callable[[int], bool], *, first: int, most: int, precision: float = 0.05
) -> tuple[int, list[Step]]:
    """The greatest number of clients that held (0: not even one) and every step, in order. A number counts as held when
    its own run did, whatever smaller ones did: one unlucky small run does not end the search."""
    steps: list[Step] = []
    while (clients := next_clients(steps, first=first, most=most, precision=precision)) is not None:
        steps.append(Step(clients, holds(clients)))
    return max((step.clients for step in steps if step.held), default=0), steps
