"""One hysteresis for rules and for the thresholds that models choose, so that both mean the same by a raise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """A raise limit and a clear limit; `sign` is +1 where high values are a breach, -1 where low ones are."""

    raise_at: float
    clear_at: float
    sign: int = 1

    def is_over(self, value: float, was_over: bool) -> bool:
        """Return whether `value` is a breach: at or past the raise limit, or not yet back past the clear limit."""
        limit = self.clear_at if was_over else self.raise_at
        return self.sign * value >= self.sign * limit


def raises(
    values: Sequence[float], positions: Sequence[float], limits: Limits, confirm: float
) -> list[tuple[int, int]]:
    """Return (raise row, clear row) of every excursion that lasts at least `confirm` axis units.

    A raise needs the raise limit to be held without a break; after it the clear limit counts. The clear row is
    len(values) where the excursion never ends.
    """
    found: list[tuple[int, int]] = []
    since: float | None = None
    raised: int | None = None
    for row, (value, position) in enumerate(zip(values, positions, strict=True)):
        if limits.is_over(value, raised is not None):
            since = position if since is None else since
            if raised is None and position - since >= confirm:
                raised = row
        else:
            if raised is not None:
                found.append((raised, row))
            since = raised = None
    if raised is not None:
        found.append((raised, len(values)))
    return found
