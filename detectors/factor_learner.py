"""The learner of factor studies: half a ridge, half boosted trees, so that straight and bent effects are both seen.

Pure: arrays in, a fitted model out. A good or bad result (0/1) is learned as a number, its prediction is the share.
Lots in a row are alike, and a penalty chosen as if they were not is far too small: here it is chosen on stretches of
lots that the weights have not seen. The trees are shallow, and several boosted models, each of other draws of lots and
columns, are averaged, so that no rank hangs on a draw.
Sources: Hoerl, Kennard (1970), ridge; Opsomer, Wang, Yang (2001), on choosing a smoothness with correlated errors;
Breiman (1996), bagging.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.quality_design import Design
from detectors.quality_learners import Linear, Trees, trees

Floats = NDArray[np.float64]
SEEDS: Final = range(1, 6)  # of the draws of lots and columns
STRENGTHS: Final = tuple(10.0**k for k in (-3, -2, -1.5, -1, -0.5, 0, 0.5, 1))  # of the penalty, per row
BLOCKS: Final = 5
LEAST_LEAF: Final = 0.05  # of the rows
SHARE: Final = 0.3  # of the columns, that a tree may split
LEAST_COLUMNS: Final = 8  # with fewer it would see no two factors together
GROWN: Final[Mapping[str, Any]] = {
    "num_leaves": 4, "learning_rate": 0.05, "rounds": 60, "bagging_fraction": 0.5,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """A fitted blend: the mean of both predictions, and of both models' parts."""

    linear: Linear
    trees: tuple[Trees, ...]

    def __call__(self, values: Floats) -> Floats:
        """Predict rows, (n,)."""
        grown = np.mean([x.predict(values) for x in self.trees], axis=0)
        return np.asarray((self.linear.predict(values) + grown) / 2)

    def parts(self, values: Floats) -> Floats:
        """Return what each feature adds, (n, m): the linear terms, and exact Shapley values of the trees."""
        grown = np.mean([x.contributions(values)[1] for x in self.trees], axis=0)
        return np.asarray((self.linear.contributions(values)[1] + grown) / 2)


def fit(values: Floats, outcome: Floats) -> Blend:
    """Fit on rows (n, m) in time order, NaN = missing, and their outcome (n,)."""
    least = max(10, int(LEAST_LEAF * len(outcome)))
    share = min(1.0, max(SHARE, LEAST_COLUMNS / values.shape[1]))
    grown = {**GROWN, "min_child_samples": least, "feature_fraction": share}
    return Blend(_linear(values, outcome), tuple(trees(values, outcome, "regression", grown, s) for s in SEEDS))


def _linear(values: Floats, outcome: Floats) -> Linear:
    """Fit a ridge whose penalty predicts each of BLOCKS consecutive parts best from the others."""
    design = Design.of(values)
    z, n = design(values), len(outcome)
    edges = np.linspace(0, n, BLOCKS + 1).astype(int)
    whole = _Sums.of(z, outcome)
    error = np.zeros(len(STRENGTHS))
    for start, stop in pairwise(edges.tolist()):
        block = slice(start, stop)
        rest = whole.without(_Sums.of(z[block], outcome[block]))
        if rest.n and stop > start:
            weights, centre, mean = rest.solved()
            error += ((outcome[block, None] - mean - (z[block] - centre) @ weights) ** 2).sum(axis=0)
    weights, centre, mean = whole.solved()
    weight = np.ascontiguousarray(weights[:, int(error.argmin())])
    return Linear(design, weight, float(mean - centre @ weight))


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """What a ridge needs of rows: their number, sums, and sums of products; those of a part can be taken away."""

    n: int
    z: Floats
    y: float
    zz: Floats
    zy: Floats

    @staticmethod
    def of(z: Floats, y: Floats) -> _Sums:
        return _Sums(len(y), z.sum(axis=0), float(y.sum()), z.T @ z, z.T @ y)

    def without(self, part: _Sums) -> _Sums:
        return _Sums(self.n - part.n, self.z - part.z, self.y - part.y, self.zz - part.zz, self.zy - part.zy)

    def solved(self) -> tuple[Floats, Floats, float]:
        """Return weights (columns, strengths), the centre of the columns, and the mean."""
        centre, mean = self.z / self.n, self.y / self.n
        size, turned = np.linalg.eigh(self.zz - self.n * np.outer(centre, centre))
        share = turned.T @ (self.zy - self.n * centre * mean)
        shrunk = share[:, None] / (np.maximum(size, 0.0)[:, None] + self.n * np.array(STRENGTHS))
        return np.asarray(turned @ shrunk), centre, mean
