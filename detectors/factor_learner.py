"""The learner of factor studies: half a ridge, half boosted trees, so that straight and bent effects are both seen.

Pure: arrays in, a fitted model out. A good or bad result (0/1) is learned as a number, its prediction is the share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.quality_learners import Linear, Trees, ridge, trees

Floats = NDArray[np.float64]
SEED: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """A fitted blend: the mean of both predictions, and of both models' parts."""

    linear: Linear
    trees: Trees

    def __call__(self, values: Floats) -> Floats:
        """Predict rows, (n,)."""
        return np.asarray((self.linear.predict(values) + self.trees.predict(values)) / 2)

    def parts(self, values: Floats) -> Floats:
        """Return what each feature adds, (n, m): the linear terms, and exact Shapley values of the trees."""
        return np.asarray((self.linear.contributions(values)[1] + self.trees.contributions(values)[1]) / 2)


def fit(values: Floats, outcome: Floats) -> Blend:
    """Fit on rows (n, m), NaN = missing, and their outcome (n,)."""
    linear = ridge(values, outcome, "regression", {}, SEED)
    return Blend(linear, trees(values, outcome, "regression", {}, SEED))
