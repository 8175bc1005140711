"""Live errors of a model of lots, and when results came, in; whether it errs more than it should, and whether a result
is overdue, out. Pure.

Invariant: a verdict needs MIN_LOTS results and three standard errors, since it is asked for again and again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reports.likeness import likeness

MIN_LOTS: Final = 30
MOST_LOTS: Final = 200  # the newest, that are looked at
MIN_GAPS: Final = 10
PATIENCE: Final = 1.5  # times the longest gap between results, that is waited
SURE_Z: Final = 3.0


@dataclass(frozen=True, slots=True)
class LiveError:
    """Root mean square errors of the newest lots; persistence None where it is not known.

    is_worse: surely more than the back-test, which is None where the model has none; is_useless: surely more than
    persistence. off: by how much predictions are too high on average, 0 where that may be chance.
    """

    n_lots: int
    rmse: float
    back_test: float | None
    persistence: float | None
    is_worse: bool
    is_useless: bool
    off: float = 0.0


def live_error(
    errors: NDArray[np.float64], last_errors: NDArray[np.float64], back_test: float | None
) -> LiveError | None:
    """Judge the newest lots. errors: prediction less result, in time order; last_errors: the last known result less
    the result, NaN = not known. None for fewer than MIN_LOTS.
    """
    errors, last_errors = errors[-MOST_LOTS:], last_errors[-MOST_LOTS:]
    if len(errors) < MIN_LOTS:
        return None
    square = errors**2
    known = ~np.isnan(last_errors)
    persistence = float(np.sqrt(np.mean(last_errors[known] ** 2))) if known.any() else None
    worse = back_test is not None and _is_surely_positive(square - back_test**2)
    useless = int(known.sum()) >= MIN_LOTS and _is_surely_positive(square[known] - last_errors[known] ** 2)
    off = float(errors.mean()) if _is_surely_positive(errors) or _is_surely_positive(-errors) else 0.0
    return LiveError(len(errors), float(np.sqrt(square.mean())), back_test, persistence, worse, useless, off)


def overdue_since(result_at: NDArray[np.int64], waiting: int, now: int) -> int | None:
    """Return for how long (ns) no result has come, where that is longer than PATIENCE times the longest gap of late.

    result_at: int64 ns; waiting: lots that have ended since the newest judged one. None where nothing is overdue:
    none waits, or too few results have come to know their pace.
    """
    times = np.unique(result_at)[-MOST_LOTS:]
    if waiting == 0 or len(times) <= MIN_GAPS:
        return None
    silent = now - int(times[-1])
    return silent if silent > PATIENCE * int(np.diff(times).max()) else None


def _is_surely_positive(values: NDArray[np.float64]) -> bool:
    """Say whether a mean is greater than 0 by SURE_Z standard errors; neighbours may be alike."""
    error = float(np.sqrt(values.var(ddof=1) * likeness(values - values.mean()) / len(values)))
    return bool(values.mean() > SURE_Z * error)
