"""The newest errors that were known at an instant to the half width of a prediction interval: errors in, widths out.

An interval that held its share of the back-test's errors holds less once the process has moved on. What held the
newest errors follows it. Invariant: an error counts only for what ends after it was known.
Source: Barber, Candès, Ramdas and Tibshirani (2023), Conformal prediction beyond exchangeability, Annals of Statistics,
with equal weights on the newest errors and none on others.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

COVERAGE: Final = 0.90
NEWEST: Final = 200  # errors that a width rests on
FEWEST: Final = 30  # with fewer known ones the back-test's width stands

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def width_of(sizes: Floats) -> float:
    """Return the width that holds COVERAGE of new errors; sizes: absolute errors of what was not learned from."""
    ordered = np.sort(sizes)
    place = int(np.ceil(COVERAGE * (len(ordered) + 1))) - 1
    return float(ordered[min(place, len(ordered) - 1)])


def newest_widths(sizes: Floats, known_at: Ints, at: Ints, otherwise: float) -> Floats:
    """Return the half width at each instant, float64 (len(at),). known_at: int64 ns of each error; otherwise: the width
    where fewer than FEWEST errors were known before.
    """
    order = np.argsort(known_at, kind="stable")
    sizes = sizes[order]
    places, of = np.unique(np.searchsorted(known_at[order], at, side="left"), return_inverse=True)
    found = [otherwise if k < FEWEST else width_of(sizes[max(0, k - NEWEST) : k]) for k in places.tolist()]
    return np.array(found, dtype=np.float64)[of]
