"""Extremely randomised trees.

Of a long history it takes MOST_ROWS, spread evenly: neighbouring windows overlap, and the trees' time grows faster than
what more of them tell. Failures are thinned only where they alone are more than half of that; outcomes weigh the same.
Source: Geurts, Ernst, Wehenkel (2006), Machine Learning 63; contributions: `detectors.tree_table`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from detectors import parts as p
from detectors.learners import Examples, filled, medians
from detectors.tree_table import TreeTable

N_TREES: Final = 100
MOST_ROWS: Final = 40_000
KIND: Final = "trees"


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    values: NDArray[np.float64]
    label: NDArray[np.float64]
    median: NDArray[np.float64]
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class ExtraTrees:
    """The trees, and the medians that fill what is missing."""

    needs: ClassVar[Literal["vectors", "windows"]] = "vectors"
    table: TreeTable
    median: NDArray[np.float64]

    @staticmethod
    def settings(n: int, _seed: int) -> Sequence[Mapping[str, Any]]:
        """Return leaf sizes."""
        return tuple({"min_samples_leaf": leaf} for leaf in (5, 15)[: max(1, n // 4)])

    @staticmethod
    def prepare(examples: Examples) -> _Prepared:
        """Fill what is missing."""
        median, rows = medians(examples.values), _spread(examples.label)
        return _Prepared(filled(examples.values[rows], median), examples.label[rows], median, examples.seed)

    @classmethod
    def fit(cls, prepared: _Prepared, setting: Mapping[str, Any]) -> Self:
        """Fit with scikit-learn and copy the trees' arrays."""
        from sklearn.ensemble import ExtraTreesClassifier

        forest = ExtraTreesClassifier(
            N_TREES,
            max_features=0.3,
            max_depth=16,
            class_weight="balanced",
            n_jobs=1,
            random_state=prepared.seed,
            **setting,
        ).fit(prepared.values.astype(np.float32), prepared.label.astype(np.int64))
        return cls(TreeTable.of(forest.estimators_, is_class=True), prepared.median)

    def margin(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean share of failures in the leaves."""
        return self.table.predict(filled(values, self.median))

    def contributions(self, values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The base is the mean share at the roots."""
        return self.table.contributions(filled(values, self.median))

    def dump(self) -> dict[str, bytes]:
        """Return one array a part."""
        return {**self.table.dump(KIND), f"{KIND}.median.npy": p.write_array(self.median)}

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Rebuild from parts; raises ValueError where a node names one that is not there."""
        return cls(TreeTable.load(parts, KIND), p.read_array(parts, f"{KIND}.median.npy"))


def _spread(label: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return up to MOST_ROWS rows, in order: of each outcome some that lie evenly, or all."""
    if len(label) <= MOST_ROWS:
        return np.arange(len(label))
    failing, others = np.flatnonzero(label > 0), np.flatnonzero(label <= 0)
    n = max(min(len(failing), MOST_ROWS // 2), MOST_ROWS - len(others))
    return np.sort(np.concatenate([_evenly(failing, n), _evenly(others, MOST_ROWS - n)]))


def _evenly(rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    return rows[np.linspace(0, len(rows) - 1, n).astype(np.int64)]
