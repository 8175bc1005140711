"""One hysteresis for rules and for the thresholds that models choose, so that both mean the same by a raise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
    values: Sequence[float] | NDArray[np.float64],
    positions: Sequence[float] | NDArray[np.float64],
    limits: Limits,
    confirm: float,
) -> list[tuple[int, int]]:
    """Return (raise row, clear row) of every excursion that lasts at least `confirm` axis units.

    A raise needs the raise limit to be held without a break; after it the clear limit counts. The clear row is
    len(values) where the excursion never ends. positions: ascending; a value that is not a number is no breach.
    """
    signed, at = limits.sign * np.asarray(values, dtype=np.float64), np.asarray(positions, dtype=np.float64)
    if len(signed) != len(at):
        raise ValueError(f"{len(signed)} values, {len(at)} positions: each argument needs as many")
    is_over = np.concatenate([[False], signed >= limits.sign * limits.raise_at, [False]])
    edges = np.flatnonzero(np.diff(is_over.astype(np.int8)))
    below = np.append(np.flatnonzero(~(signed >= limits.sign * limits.clear_at)), len(signed))
    found: list[tuple[int, int]] = []
    done = 0
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if begin < done:
            continue
        raised = begin + int(np.searchsorted(at[begin:end] - at[begin], confirm, side="left"))
        if raised < end:
            done = int(below[np.searchsorted(below, raised)])
            found.append((raised, done))
    return found
