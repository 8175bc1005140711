"""Margins to log-odds by a line, so that margins of unlike learners can be compared and averaged.

The line is fitted to out-of-fold margins, so it keeps sums: contributions are scaled as the margin is.
Source: Platt (1999), Probabilistic outputs for support vector machines, with his smoothed targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

STEPS: Final = 60
LEAST_SLOPE: Final = 1e-6  # a margin that tells nothing, or the wrong way round, must not turn its sign


@dataclass(frozen=True, slots=True)
class Line:
    """log-odds = intercept + slope x margin; slope > 0."""

    intercept: float
    slope: float

    def log_odds(self, margin: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-odds of margins."""
        return self.intercept + self.slope * margin


def line_of(margin: NDArray[np.float64], label: NDArray[np.float64]) -> Line:
    """Fit the line by Newton's method on the logistic loss, lightly drawn to the standardised margin's own."""
    n_one = float(label.sum())
    n_zero = len(label) - n_one
    target = np.where(label == 1, (n_one + 1) / (n_one + 2), 1 / (n_zero + 2))
    centre, scale = float(margin.mean()), float(margin.std()) or 1.0
    z = (margin - centre) / scale
    design = np.column_stack([np.ones(len(z)), z])
    found = np.array([np.log((n_one + 1) / (n_zero + 1)), 0.0])
    for _ in range(STEPS):
        p = probability(design @ found)
        weight = np.maximum(p * (1 - p), 1e-9)
        hessian = (design * weight[:, None]).T @ design + np.diag([1e-9, 1e-3])
        step = np.linalg.solve(hessian, design.T @ (target - p) - np.array([0.0, 1e-3]) * found)
        found = found + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    slope = max(float(found[1]) / scale, LEAST_SLOPE / scale)
    return Line(float(found[0]) - slope * centre, slope)


def probability(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log-odds as probabilities."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -700, 700))), dtype=np.float64)


def log_odds_of(probability_: float) -> float:
    """Return a probability as log-odds; 0 and 1 as the furthest that a float holds."""
    p = min(max(probability_, 1e-300), 1 - 1e-16)
    return float(np.log(p) - np.log1p(-p))
