"""Lots to the mean of randomised trees, each grown on a draw of the lots.

Where few lots are bad, each draw lets both classes weigh alike. What is drawn does not grow with the history, nor does
the forest: of many lots each tree sees others.
Source: Geurts, Ernst, Wehenkel (2006), Extremely randomized trees; Breiman (2001), Random forests, on draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors.quality_design import Design, Task
from detectors.tree_table import TreeTable

Floats = NDArray[np.float64]
KIND: Final = "forest"
MOST_TREES: Final = 300
FEWEST_TREES: Final = 100  # where each has drawn many lots, fewer are as steady
MOST_DRAWN: Final = 5_000  # lots a tree
DRAWS: Final = 500_000  # of all trees
LEAST_LEAF: Final = 5  # lots, or ...
LEAF_SHARE: Final = 0.005  # ... of those drawn, if that is more
LOOKED_AT: Final[Mapping[Task, float]] = {"regression": 1 / 3, "classification": 0.1}  # share of the columns, a split,
MOST_LOOKED_AT: Final = 60  # ... from the root of their number up to so many


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Trees over a design."""

    design: Design
    table: TreeTable

    def predict(self, values: Floats) -> Floats:
        """Return the mean of the leaves: a result, or a share of bad lots."""
        return self.table.predict(self.design(values))

    def contributions(self, values: Floats) -> tuple[float, Floats]:
        """Return what the splits by each column change."""
        base, found = self.table.contributions(self.design(values))
        return base, self.design.by_column(found)

    def dump(self) -> dict[str, bytes]:
        """Return the arrays."""
        design = {f"{KIND}.{name}.npy": p.write_array(array) for name, array in self.design.arrays.items()}
        return {**design, **self.table.dump(KIND)}

    @staticmethod
    def load(parts: Mapping[str, bytes]) -> Forest:
        """Rebuild from parts; raises ValueError where a node names one that is not there."""
        return Forest(Design.load(parts, KIND), TreeTable.load(parts, KIND))


def forest_of(values: Floats, outcome: Floats, task: Task, seed: int) -> Forest:
    """Grow on rows with all columns."""
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    design = Design.of(values)
    z = design(values).astype(np.float32)
    n_columns, n_drawn = z.shape[1], min(len(z), MOST_DRAWN)
    n_trees = min(MOST_TREES, max(FEWEST_TREES, DRAWS // n_drawn))
    asked: dict[str, Any] = {
        "bootstrap": True,
        "max_samples": n_drawn,
        "min_samples_leaf": max(LEAST_LEAF, int(LEAF_SHARE * n_drawn)),
        "max_features": min(MOST_LOOKED_AT, max(1, int(LOOKED_AT[task] * n_columns), int(np.sqrt(n_columns)))),
        "n_jobs": 1,
        "random_state": seed,
    }
    if task == "regression":
        grown = ExtraTreesRegressor(n_trees, **asked).fit(z, outcome)
    else:
        grown = ExtraTreesClassifier(n_trees, class_weight="balanced_subsample", **asked).fit(z, outcome.astype(int))
    return Forest(design, TreeTable.of(grown.estimators_, is_class=task == "classification"))
