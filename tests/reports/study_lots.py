"""Small lots and a small learner for tests of the factor study."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domain.vectors import FeatureName
from reports.study import Floats, Lots


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Least squares; a missing value counts as the mean."""

    mean: Floats
    slope: Floats
    base: float

    def __call__(self, values: Floats) -> Floats:
        """Predict."""
        return np.asarray(self.parts(values).sum(axis=1) + self.base)

    def parts(self, values: Floats) -> Floats:
        """Return each column's part."""
        return np.asarray(np.where(np.isnan(values), 0.0, values - self.mean) * self.slope)


def fit(values: Floats, outcome: Floats) -> Line:
    """Fit it."""
    mean = np.nanmean(values, axis=0)
    centred = np.where(np.isnan(values), 0.0, values - mean)
    slope = np.linalg.solve(centred.T @ centred + np.eye(values.shape[1]), centred.T @ outcome)
    return Line(np.asarray(mean), np.asarray(slope, dtype=np.float64), float(outcome.mean()))


def lots(n: int = 300, seed: int = 0) -> Lots:
    """Return lots of five factors: `a` moves the result up, `b` down, `twin` copies `a`, the others do nothing."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, 5))
    x[:, 4] = x[:, 0] + 0.1 * random.normal(size=n)
    names = tuple(FeatureName("process", s, "value") for s in ("a", "b", "c", "d", "twin"))
    outcome = 2 * x[:, 0] - x[:, 1] + random.normal(size=n)
    folds = [(np.arange(n // 2), np.arange(n // 2, 3 * n // 4)), (np.arange(3 * n // 4), np.arange(3 * n // 4, n))]
    product = np.where(random.random(n) < 0.5, "A", "B").astype(object)
    return Lots(x, names, outcome, folds, {"product": product}, frozenset({"a", "b", "c"}), outcome)
