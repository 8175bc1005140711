"""Residuals in time order in; by how much less they tell than as many that know nothing of their neighbours, out."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

FEWEST_BATCHES: Final = 8
SURE: Final = 0.05


def likeness(residuals: NDArray[np.float64]) -> float:
    """Return by what the variance of a mean is greater than of lots that tell nothing of their neighbours; 1 where
    that is not sure. residuals in time order. Source: the method of batch means, e.g. Law (2015), Simulation Modeling.
    """
    size = int(np.sqrt(len(residuals)))
    n = len(residuals) // size if size else 0
    plain = float(residuals.var()) if len(residuals) else 0.0
    if n < FEWEST_BATCHES or plain == 0:
        return 1.0
    means = residuals[: n * size].reshape(n, size).mean(axis=1)
    times = float(means.var(ddof=1)) * size / plain
    return times if times * (n - 1) > chi2.ppf(1 - SURE, n - 1) else 1.0
