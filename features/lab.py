"""Lab history as features: the last results that were known when a lot ended, never later ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from domain.instants import to_ns
from domain.records import Result

N_BACK = 2  # last, before_last


def known_before(results: Sequence[Result], at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the last and the one before last value with result_at <= at: float64 (len(at), 2), NaN = none."""
    numbers = sorted((to_ns(r.result_at), r.value) for r in results if r.value is not None)
    known_at = np.array([n[0] for n in numbers], dtype=np.int64)
    padded = np.array([np.nan] * N_BACK + [n[1] for n in numbers], dtype=np.float64)
    place = np.searchsorted(known_at, at, side="right")
    return np.column_stack([padded[place + N_BACK - 1 - back] for back in range(N_BACK)])
